# All commands for developers. They need Python 3.11 or newer, git and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Number of parallel test processes. Fixed, because the services that the tests start need cores too. More than the two
# cores that we count on, because tests wait for processes, timers and browsers for a third of their time.
WORKERS ?= 3
# bluesky-queueserver, which `make bench PEER=1` compares with ours.
PEER_BIN := build/peer/bin
PEER_INSTALLED := build/peer/.installed
# Programs of other people that `make clients` runs against our service, each in an environment of its own.
CLIENTS ?= $(patsubst tests/clients/requirements/%.txt,%,$(wildcard tests/clients/requirements/*.txt))
CLIENTS_INSTALLED := $(CLIENTS:%=build/clients/%/.installed)
comma := ,
# The page that the HTTP door serves. Node and npm come from a Python package.
PAGE := bluesky_qs/web
PAGE_INSTALLED := $(PAGE)/node_modules/.installed
PAGE_TYPES := $(PAGE)/src/source/api.gen.ts
PAGE_BUILT := $(PAGE)/dist/index.html
# The extension of JupyterLab with the same components. A link lets the JupyterLab of .venv find it.
LAB := $(PAGE)/labextension
LAB_LINK := .venv/share/jupyter/labextensions/bluesky-qs
NPM = .ci/npm

.PHONY: help setup demo web pictures test matrix clients chaos fuzz audit sbom stress check format reference notebooks docs coverage bench bench-http bench-page clean

help:
	@echo "make demo        run two scans through a demo queue, with live tables; WEB=1 shows it in a browser"
	@echo "make web         build the page that the HTTP door serves, and the extension of JupyterLab"
	@echo "make test        run all the tests; ARGS=... runs some of them"
	@echo "make matrix      run tests with every Python from 3.11 to 3.14, and with the oldest allowed dependencies"
	@echo "make clients     run other people's clients against our service; CLIENTS=... runs some of them"
	@echo "make chaos       cause faults in a service under load, and write a report; MINUTES=60 STORE=sqlite|redis, or KILLS=500"
	@echo "make fuzz        try N random inputs (1000000) in the decoder, N/10 requests, N/100 at the sockets and in qserver"
	@echo "make audit       compare the installed packages with published vulnerabilities"
	@echo "make sbom        list the packages of a release in dist/bluesky-qs.cdx.json"
	@echo "make stress      run two tests of kernel mode N times on a busy machine (N=200)"
	@echo "make check       check format, lint, types and import contracts"
	@echo "make reference   generate docs/reference and the methods of the clients from the code"
	@echo "make notebooks   run the tutorials and store their outputs"
	@echo "make pictures    take the pictures of the documentation; needs Chromium"
	@echo "make docs        build the documentation site in build/site"
	@echo "make coverage    run all the tests and list the lines that no process ran"
	@echo "make bench       measure the speed of the service; QUICK=1 for a short run, PEER=1 to compare with bluesky-queueserver"
	@echo "make bench-http  measure the HTTP door: kills, crowds, events, readers; QUICK=1 for a short run"
	@echo "make bench-page  measure the page in Chromium: first content, scrolling, heap; QUICK=1 for a short run"
	@echo "make format      format the source code"
	@echo "make clean       remove .venv and everything that was built"

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"bluesky_qs needs Python 3.11 or newer, and $(PYTHON) is {sys.version.split()[0]}: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED) $(if $(WEB),web)
	@$(BIN)/python -m bluesky_qs demo $(if $(WEB),--web)

web: $(PAGE_BUILT)

$(PAGE_INSTALLED): $(PAGE)/package.json $(PAGE)/package-lock.json | $(INSTALLED)
	@echo "Installing into $(PAGE)/node_modules …"
	@$(NPM) ci --loglevel=error
	@touch $@

$(PAGE_TYPES): docs/reference/openapi.json $(PAGE_INSTALLED)
	@$(NPM) run --silent types > /dev/null
	@touch $@

$(PAGE_BUILT): $(PAGE_TYPES) $(PAGE)/index.html $(wildcard $(PAGE)/vite*.config.ts) $(shell find $(PAGE)/src $(PAGE)/public -type f 2> /dev/null)
	@$(NPM) run --silent build
	@mkdir -p $(dir $(LAB_LINK))
	@ln -sfn ../../../../$(LAB) $(LAB_LINK)
	@touch $@

pictures: $(INSTALLED) web
	$(BIN)/python -m pytest tests/browser/pictures.py

test: $(INSTALLED) web
	$(NPM) run --silent test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

matrix:
	$(PYTHON) .ci/matrix.py $(ARGS)

clients: $(INSTALLED) $(CLIENTS_INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/clients $(ARGS)

# A client that cannot be installed is left out: its tests are skipped, with the reason from the log.
build/clients/%/.installed: tests/clients/requirements/%.txt
	@echo "Installing $* into build/clients/$* …"
	@mkdir -p build/clients/$*
	@if $(PYTHON) -m venv --clear build/clients/$* \
		&& build/clients/$*/bin/pip install --quiet --disable-pip-version-check -r $< > build/clients/$*/install.log 2>&1; \
	then touch $@; else echo "$* could not be installed; see build/clients/$*/install.log"; fi

chaos: $(INSTALLED)
	$(BIN)/python -m tests.chaos.run --store $(or $(STORE),sqlite) --minutes $(or $(MINUTES),10) --kills $(or $(KILLS),0) $(ARGS)

audit: $(INSTALLED)
	@$(BIN)/python .ci/audit

sbom: $(INSTALLED)
	$(PYTHON) -m venv --clear build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check '.[kernel,notebook,happi,http,http-client,spreadsheet]'
	@mkdir -p dist
	.ci/sbom build/sbom/bin/python dist/bluesky-qs.cdx.json

fuzz: N ?= 1000000
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz.run $(N)
	QS_TEST_REQUESTS=$$(($(N) / 100)) $(BIN)/python -m pytest -q tests/e2e/test_fuzzing.py

stress: $(INSTALLED)
	.ci/stress $(N)

check: $(INSTALLED) $(PAGE_TYPES)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(NPM) run --silent check

format: $(INSTALLED) $(PAGE_INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(NPM) run --silent format

reference: $(INSTALLED)
	$(BIN)/python docs/make_client_methods.py
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_page_words.py

notebooks: $(INSTALLED)
	$(BIN)/python notebooks/execute.py $(ARGS)

coverage: $(INSTALLED)
	rm -rf build/coverage
	mkdir -p build/coverage
	-$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(INSTALLED) $(if $(PEER),$(PEER_INSTALLED))
	$(BIN)/python bench/perf.py --bin $(BIN) --embedded A $(if $(PEER),--bin2 $(PEER_BIN)) \
		$(if $(QUICK),--quick --only start$(comma)status$(comma)queue_add$(comma)plans$(comma)cli) $(ARGS)

bench-http: $(INSTALLED)
	$(BIN)/python bench/http_perf.py --bin $(BIN) $(if $(QUICK),--quick) $(ARGS)

bench-page: $(INSTALLED) web
	$(BIN)/python bench/page_perf.py --bin $(BIN) $(if $(QUICK),--quick) $(ARGS)

$(PEER_INSTALLED):
	$(PYTHON) -m venv build/peer
	$(PEER_BIN)/pip install --quiet --disable-pip-version-check bluesky-queueserver==0.0.25 matplotlib
	@touch $@

docs: $(INSTALLED)
	rm -rf build/site
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html -c docs . build/site
	$(BIN)/python docs/check_site.py build/site
	@echo "Built: build/site/docs/index.html"

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis dist build $(PAGE)/node_modules $(PAGE)/dist $(LAB) $(PAGE_TYPES)
