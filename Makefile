# Thin on purpose: bootstrap.py does the work and also runs on Windows (python bootstrap.py course).
# Further arguments of a job go into ARGS: make lab ARGS="--port 9000".

PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11 python3.10; do \
	if "$$p" -c "" >/dev/null 2>&1; then echo "$$p"; break; fi; done)

.PHONY: help course test test-slow lab lint setup lock clean

help:
	@echo "make course     run every notebook and build the site at build/site/index.html"
	@echo "make lab        open the course in JupyterLab"
	@echo "make test       the tests"
	@echo "make test-slow  the tests that take minutes"
	@echo "make lint       formatting, lint and types"
	@echo "make setup      only make .venv and install requirements.lock"
	@echo "make lock       write requirements.lock anew from pyproject.toml (maintainers; needs a network)"
	@echo "make clean      remove .venv, build/ and caches; data and runs stay"

course test test-slow lab lint setup lock clean:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python found. Install Python 3.10, 3.11, 3.12 or 3.13 and run make $@ again." >&2; exit 1; fi
	@"$(PYTHON)" bootstrap.py $@ $(ARGS)
