# Main environment and Blender's, installed by the same Makefile as everywhere else. Build from the repository root.
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      make libegl1 libgl1 libgomp1 libice6 libsm6 libx11-6 libxext6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home defectory \
 && mkdir -p /defectory/workspaces && chown -R defectory /defectory

USER defectory
WORKDIR /defectory
COPY --chown=defectory . .
RUN make .venv .venv-blender
ENV PATH=/defectory/.venv/bin:$PATH
