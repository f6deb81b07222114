# Each recipe is one line that can be typed by hand. Python >= 3.11 and make are all they need.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
INSTALL = $(@D)/bin/python -m pip install --disable-pip-version-check --quiet
BUILD = $(if $(shell $(PYTHON) -c 'import sys; print(*[1] * (sys.version_info >= (3, 11)))' 2>/dev/null),,$(error Talkbench needs Python 3.11 or newer; name one with PYTHON=/path/to/python3))$(PYTHON) -m venv $(@D) && $(INSTALL) --require-hashes -r $< && $(INSTALL) --no-deps --no-build-isolation -e . && touch $@
COMPILE = uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
SIDE_BY_SIDE = -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
LEGACY_TESTS = tests/contracts/test_every_*.py tests/contracts/test_playht.py tests/contracts/test_gemini_legacy.py tests/contracts/test_plain_scripts.py tests/providers/test_offers.py -k "playht or legacy"

.PHONY: talk test check bench notebooks locks clean

talk: .venv/.talk  ## talk to it in the browser, on 127.0.0.1:7860
	.venv/bin/talkbench app

test: .venv/.dev .venv-legacy/.done  ## every test that needs no key, those of the two old SDKs where these are
	.venv/bin/python -m pytest $(SIDE_BY_SIDE) && .venv-legacy/bin/python -m pytest $(LEGACY_TESTS)

check: .venv/.dev  ## style, types, layers
	.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/basedpyright && .venv/bin/lint-imports --no-logo

bench: .venv/.dev  ## our own figures, beside a bare-asyncio baseline
	.venv/bin/python -m tests.bench

notebooks: .venv/.notebooks  ## JupyterLab
	.venv/bin/jupyter lab --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

.venv/.talk: requirements.lock
.venv/.dev: requirements-dev.lock
.venv/.notebooks: requirements-notebooks.lock
.venv-legacy/.done: requirements-legacy.lock
.venv-legacy/.done: INSTALL += --no-compile
.venv/.%:
	$(BUILD)
.venv-legacy/.%:
	$(BUILD)

locks:  ## after a change of dependencies; needs uv
	$(COMPILE) -o requirements.lock && $(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock && $(COMPILE) --extra notebooks --extra providers --extra polly -c requirements-dev.lock -o requirements-notebooks.lock && $(COMPILE) --extra gemini-legacy --extra playht --group legacy-tests --no-strip-extras -o requirements-legacy.lock

clean:  ## forget the environments
	rm -rf .venv .venv-legacy
