# make demo    build a small data set from nothing and say where it is
# make test    everything that CI runs: format, lint, types, import contract, unit and end-to-end tests
# make up      start Prefect server, worker and Label Studio on this machine;  make down  stops them

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP = bin/python -m pip install --quiet --disable-pip-version-check --no-input
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: demo test lint unit whole e2e up down setup clean

demo: .venv/.made .venv-blender/.made
	.venv/bin/defectory build recipes/demo.yaml

test: lint unit whole e2e

lint: .venv/.made
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: .venv/.made
	.venv/bin/pytest -n auto --dist worksteal -m "not services and not whole"

whole: .venv/.made
	.venv/bin/pytest -n auto --dist loadfile -m whole

e2e: .venv/.made .venv-blender/.made .venv-labelstudio/.made
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder -m services

up: .venv/.made .venv-blender/.made .venv-labelstudio/.made
	.venv/bin/defectory services up

down: .venv/.made
	.venv/bin/defectory services down

setup: .venv/.made .venv-blender/.made .venv-labelstudio/.made

clean:
	rm -rf .venv .venv-blender .venv-labelstudio

.venv .venv-blender .venv-labelstudio: %: %/.made

# torch first and by itself: asked for through another package, an installer may take a build with several
# GB of GPU libraries. The headless OpenCV goes in last and over the other: same module, no system libraries.
.venv/.made: pyproject.toml constraints/main.txt
	@echo "Installing the main environment (about 2.5 GB, some minutes) ..."
	$(PYTHON) -m venv .venv
	.venv/$(PIP) torch==2.13.0
	.venv/$(PIP) --constraint constraints/main.txt --editable '.[dev]'
	.venv/$(PIP) --force-reinstall --no-deps opencv-python-headless==4.12.0.88
	touch $@

.venv-blender/.made: constraints/blender.txt
	@echo "Installing Blender as a Python module (about 1 GB) ..."
	$(PYTHON) -m venv .venv-blender
	.venv-blender/$(PIP) --requirement constraints/blender.txt
	touch $@

.venv-labelstudio/.made: constraints/labelstudio.txt
	@echo "Installing Label Studio (about 1 GB) ..."
	$(PYTHON) -m venv .venv-labelstudio
	.venv-labelstudio/$(PIP) --requirement constraints/labelstudio.txt
	touch $@
