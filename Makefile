# make sweep   set up .venv, run the first sweep, compare its runs
# make quick   unit tests up to the first failure, within 30 s
# make test    set up .venv, run the tests (ARGS='tests/unit -k stack': some of them)
# make ui      MLflow's pages for what was run
# make lint    format, lint, types and who imports whom
# make experiment NAME=03_choices   run a study, write its page in experiments (MNIST=folder of the IDX files)
# make bench   speed and memory against peers (QUICK=1: about 4 minutes; ONLY=sweep, ONLY=scale; MNIST=folder of the IDX files)
# make faults  kill processes at random and check that nothing was lost (about 6 minutes; TRIALS=10: one; README=1: write benchmarks/README.md)
# make lock    choose new versions of all dependencies

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: sweep quick test ui lint experiment bench faults lock

sweep: .venv/user
	$(BIN)/convsweep train experiment=first_sweep
	$(BIN)/convsweep compare --csv mlruns/first_sweep.csv --png mlruns/first_sweep.png --html mlruns/first_sweep.html
	@echo "In the browser, http://127.0.0.1:5000/convsweep: $(BIN)/convsweep ui"

quick: .venv/dev
	$(BIN)/pytest -x -q --numprocesses auto --dist loadfile tests/unit $(ARGS)

test: .venv/dev
	$(BIN)/pytest -n auto --dist loadfile $(ARGS)

ui: .venv/user
	$(BIN)/convsweep ui

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests/unit tests/integration
	$(BIN)/lint-imports

# a study with a network in PyTorch beside it needs PyTorch
experiment: $(if $(wildcard experiments/$(NAME)/torch_network.py),.venv/torch,.venv/user)
	$(BIN)/python -m experiments.harness '$(NAME)' $(if $(MNIST),data.dir=$(MNIST))
	$(BIN)/python -m experiments.harness.index

bench: .venv/bench
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(MNIST),--mnist '$(MNIST)') $(if $(ONLY),--only $(ONLY))

faults: .venv/user
	$(BIN)/python benchmarks/faults.py --trials $(or $(TRIALS),60) --jobs 2 $(if $(README),--readme)

lock: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --universal --upgrade --extra dev --no-header --no-annotate --no-emit-index-url \
		pyproject.toml --output-file constraints.txt
	printf '%s\n' jax==0.10.2 jaxlib==0.10.2 ml-dtypes==0.6.0 opt-einsum==3.4.0 torch==2.13.0 >> constraints.txt

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(f"convsweep needs Python 3.11 or newer (got {sys.version.split()[0]})" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/user: .venv/created pyproject.toml constraints.txt
	@echo "Installing convsweep into .venv (a minute or two) ..."
	@$(INSTALL) .
	@touch $@

.venv/dev: .venv/user
	@echo "Installing what tests and checks need ..."
	@$(INSTALL) '.[dev]'
	@touch $@

.venv/torch: .venv/dev
	@echo "Installing PyTorch, the peer of one study and of the benchmark ..."
	@$(INSTALL) '.[torch]'
	@touch $@

.venv/bench: .venv/torch
	@echo "Installing JAX, the benchmark's other peer ..."
	@$(INSTALL) '.[bench]'
	@touch $@
