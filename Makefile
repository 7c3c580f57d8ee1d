# maskrec: `make help` lists what there is.
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
# The first that runs and will do: a command may be there that does not run, as version managers leave them.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c '$(IS_SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A wheel index for torch and torchvision alone: make install TORCH_INDEX=https://download.pytorch.org/whl/cu126
TORCH_INDEX ?=

.DEFAULT_GOAL := help
.PHONY: help install exp sweep table rescue landmarks report list test lint bench clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

install: ## set up .venv [TORCH_INDEX=<wheel index>: torch and torchvision from there, e.g. CUDA 12.6 for V100]
	@rm -f $(INSTALLED)
	@$(MAKE) --no-print-directory $(INSTALLED)

$(INSTALLED): pyproject.toml
	@"$(PYTHON)" -c '$(IS_SUPPORTED)' 2>/dev/null || { echo "error: no Python 3.11 or 3.12 found; say PYTHON=<path>"; exit 2; }
	"$(PYTHON)" -m venv --clear $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/pip install --index-url $(TORCH_INDEX) torch torchvision)
	$(BIN)/pip install -e '.[dev]'
	# Two packages bring the same cv2; the one that needs no display libraries must come last.
	$(BIN)/pip install --force-reinstall --no-deps "$$($(BIN)/pip freeze | grep '^opencv-python-headless==')"
	$(BIN)/pip check
	@touch $(INSTALLED)

exp: $(INSTALLED) ## fit, test and report: NAME=<experiment> [ARGS="--trainer.max_epochs 3"] [HARDWARE=a100x8] [RESUME=runs/x/<run>]
	@$(BIN)/maskrec exp "$(NAME)" $(if $(HARDWARE),--hardware $(HARDWARE)) $(if $(RESUME),--resume "$(RESUME)") $(ARGS)

sweep: $(INSTALLED) ## exp for each point of experiments/sweeps/<NAME>.yaml that is missing, and their table [ARGS=...] [HARDWARE=...]
	@$(BIN)/maskrec sweep "$(NAME)" $(if $(HARDWARE),--hardware $(HARDWARE)) $(ARGS)

table: $(INSTALLED) ## the rows of experiments/tables/<NAME> that are missing, and their table [DATA=small|tuned] [SEEDS=2] [HARDWARE=...] [ARGS="--rows softmax,dcr"]
	@$(BIN)/maskrec table "$(NAME)" $(if $(DATA),--data $(DATA)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(HARDWARE),--hardware $(HARDWARE)) $(ARGS)

rescue: $(INSTALLED) ## an existing recogniser made mask-proof: WEIGHTS=<file> FACES=<folder> [BACKBONE=mobilefacenet] [EVAL=<folders>] [MINUTES=30] [ARGS=...]
	@$(BIN)/maskrec rescue $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(BACKBONE),--backbone $(BACKBONE)) $(if $(FACES),--faces "$(FACES)") $(if $(EVAL),--eval $(EVAL)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

landmarks: $(INSTALLED) ## detect the landmarks masks need, once: ROOT=<folder of faces> [ARGS="--strict --processes 4"]
	@$(BIN)/maskrec landmarks $(if $(ROOT),"$(ROOT)") $(ARGS)

report: $(INSTALLED) ## several runs in one table: RUNS="runs/a runs/b" OUT=table.html
	@$(BIN)/maskrec report $(RUNS) $(if $(OUT),-o $(OUT)) $(ARGS)

list: $(INSTALLED) ## the experiments, one line each
	@$(BIN)/maskrec list

test: $(INSTALLED) ## the tests, on two cores [ARGS="-k samplers"]
	$(BIN)/pytest -n 2 -m "not slow and not gpu" $(ARGS)

lint: $(INSTALLED) ## format, style, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## speed, as ratios within one run
	$(BIN)/python -m bench

clean: ## remove what was built; runs/ and the cache of data stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -o -name '*.egg-info' | xargs rm -rf
