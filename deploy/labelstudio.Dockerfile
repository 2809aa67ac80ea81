# Label Studio as pinned in constraints/labelstudio.txt. Build from the repository root.
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends make libgl1 libglib2.0-0 libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home labelstudio \
 && mkdir -p /defectory /data && chown -R labelstudio /defectory /data

USER labelstudio
WORKDIR /defectory
COPY --chown=labelstudio Makefile ./
COPY --chown=labelstudio constraints/labelstudio.txt constraints/
RUN make .venv-labelstudio
CMD [".venv-labelstudio/bin/label-studio", "start", "--no-browser", "--internal-host", "0.0.0.0", "--port", "8080"]
