# The steps of a run: each target is a thin call of scripts in tools/, whose flags tools/make/step.py makes from variables.
# `make help` prints the lines that begin with ##: targets, and the variables that make takes.
#
## make TARGET... VARIABLE=value...    for example: make demo; make reproduce DATA=/path/to/my-shop GPU=0
##
## demo  everything on a drawn shop: environment, data, four trainings, report
## reproduce  the same on the photos of DATA
## setup  the environment alone, in VENV
## shop keywords  draw the sample shop; turn words of DATA's texts into labels, in a file to edit
## records clean-records split lmdb  import DATA; clean it; divide it by product; pack and check it
## statistics sheet subset  Table I and the long tail; a picture of packed photos; two groups as dataset NAME
## prototxt train  nets of SCHEME, without it of the paper's methods; a training of SCHEME
## train-multilabel train-multitask train-multiweight train-multiweight-third  a training of a method of the paper
## features evaluate report  fc7 of the test photos; mAP@50; tables, figures and pages
## annotate search export  labels of PHOTO; products like it; the run VARIANT as ONNX
## serve  the page in a browser
## study study-report studies  the trainings of STUDY; its report alone; all committed reports and figures drawn anew
## test lint coverage test-whole  lint and all tests; lint alone; tests of the rooms, with coverage; the other tests
## fuzz stops bench bench-retrieval  damaged files for every reader; trainings stopped; speed and memory
## gpu-check  what a GPU does with this, in minutes
## test-parity parity-table export-table fork-nets  against the original; two tables of docs/; forks' nets in full size
## docs release proto committed-prototxt clean  the reference; wheel and sdist; files that are committed; remove VENV, build
## docker-cpu docker-cuda docker-gpu docker-check  images of the original; a check of the first without Docker
## docker-run docker-train-multiweight  CMD in an image; `caffe train` in one
## original-root original-run  the original in a folder, without Docker; CMD in it
##
## DATA DATASET RUNS  folder of the photos; name of the dataset (default: the folder's); folder of all runs
## SETTINGS  the run's settings: drawn-shop, photos, paper, a file like those (.yaml), or of variables (.mk)
## ENGINE GPU PYTHON VENV  auto, caffe or torch; 0, or 0,1, all, none; the interpreter; the environment's folder
## OVERWRITE CHECK  1: make again what has changed; 1: fail where training was not worth it
## CLEAN GIVEN DEDUPE MAX_BAD  1: clean first; 1: the source's division; 1: alike photos on one side; share unreadable
## SIZE RESIZE UNKNOWN  side of packed photos; warp, pad or crop; unknown labels count as no, or ignore
## PRODUCTS WRONG MISSING TAIL  of the drawn shop: products, shares of labels wrong and missing, imbalance
## TRUNK WIDTH BATCH LOSS WEIGHTS  shared layers; factor on them; images a step; python, builtin; .caffemodel to start from
## ITERATIONS LR STEPSIZE SEED  length of a training; learning rate; iterations to its drop; random seed
## SCHEME C RESCALE OBJECTIVE  weights of the groups; their constant; 1: sum to their number; sigmoid, focal, asymmetric, hill, splc
## NET TENSORBOARD  more flags for make-prototxt; 1: event files too
## VIEWS RECOGNITION  centre, mirror or crops; 1: score the outputs too
## METRIC DENOMINATOR CANDIDATES MEMORY  of evaluate: similarity; M of Eq. 10; all or group; bound of the search, MB
## FAILURES SUBSETS  1: the gallery shows the worst queries; datasets of two groups, for Tables IV and V
## PHOTO VARIANT PORT  a photo; the trained run to use; where serve listens
## NAME LARGE SMALL RATIO KIND  of subset: its name, its groups, images of the large one to one; independent, dependent
## STUDY JOBS ONLY  folder of the study; trials at a time; some of its experiments
## BENCH MINUTES INPUTS STOPS  --quick looks for some minutes; length of fuzz, or inputs a reader; how many stops
## PARTS WHEELS  of gpu-check: some of its parts; a folder of wheels for packages that PYTHON lacks
## CMD IMAGE DOCKER MIRROR  a command for the original; its image; the program that runs images; Debian's mirror
## ARCHITECTURES PTX  compute capabilities that docker-cuda compiles for

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: $(shell sed -n 's/^\#\# \([a-z -]*\)  .*/\1/p' Makefile) help

help:
	@sed -n -e 's/^## \{0,1\}//p' Makefile | sed -e 's/^\([A-Za-z_ -]*[A-Za-z_]\)  /\1: /'

PYTHON ?= python3
VENV   ?= .venv
RUNS   ?= runs
ENGINE ?= auto
DOCKER ?= docker

# --- variables: one that nobody knows is an error; those that are given go to the steps through the environment ---
VARIABLES := $(shell sed -n 's/^\#\# \([A-Z_ ]*\)  .*/\1/p' Makefile)
UNKNOWN_OF = $(shell $(PYTHON) tools/make/step.py --unknown $(foreach v,$1,'$v'))
given := $(foreach v,$(.VARIABLES),$(if $(findstring command line,$(origin $v)),$v))
unknown := $(filter-out $(VARIABLES) PY READY SHELL,$(given))
ifneq ($(unknown),)
$(error $(call UNKNOWN_OF,$(unknown)))
endif
ifneq ($(SETTINGS),)
ifeq ($(filter %.yaml %.yml drawn-shop photos paper,$(SETTINGS)),)
before := $(.VARIABLES) before
include $(SETTINGS)
unknown := $(filter-out $(VARIABLES) $(before),$(.VARIABLES))
ifneq ($(unknown),)
$(warning $(SETTINGS): $(call UNKNOWN_OF,$(unknown)))
endif
override SETTINGS :=
endif
endif
export $(foreach v,$(VARIABLES),$(if $(filter-out undefined,$(origin $v)),$v))

# These belong to a scheme of weights; the paper's methods have their own.
ifeq ($(SCHEME),)
ifneq ($(C)$(RESCALE)$(OBJECTIVE),)
$(error C, RESCALE and OBJECTIVE need SCHEME=...: make train SCHEME=proportion RESCALE=1, for one)
endif
endif

# --- the environment; the original has its own interpreter, in its container, with what the tools need ---
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
ifeq ($(ENGINE),caffe)
PY := $(PYTHON)
READY :=
endif
STEP = @$(PY) tools/make/step.py

setup: $(VENV)/.ready

# An environment that no longer runs (moved, or its Python gone) is made anew.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PY) -c "" 2>/dev/null || { [ -w "$$(dirname "$(VENV)")" ] || { echo "error: this folder cannot be written to: give VENV= and RUNS= others" >&2; exit 2; }; \
	  rm -rf $(VENV); echo "making $(VENV) (some minutes)"; $(PYTHON) -m venv $(VENV); } || \
	  { echo "error: no virtual environment: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 2; }
	$(VENV)/bin/python -m pip install -q -c constraints.txt -e ".[torch,report,search,serve,export,tensorboard,dev]"
	@touch $@

# --- the way from photos to a report ---
demo: shop
	@$(MAKE) --no-print-directory reproduce DATA="$$RUNS/sample-shop/shop" DATASET=sample-shop CHECK=1

reproduce: lmdb
	$(STEP) make-prototxt --paper
	$(STEP) train --paper
	@$(MAKE) --no-print-directory features evaluate report

shop: $(READY)
	$(STEP) make-sample-shop

keywords: $(READY)
	$(STEP) build-catalog

records: $(READY)
	$(STEP) import-dataset

clean-records: records
	$(STEP) clean-dataset

split: $(if $(filter-out 0 n no No NO off Off OFF false False FALSE,$(CLEAN)),clean-records,records)
	$(STEP) split

statistics: split
	$(STEP) describe-dataset

lmdb: split
	$(STEP) build-lmdb
	$(STEP) verify-lmdb

sheet: $(READY)
	$(STEP) show-lmdb

subset: $(READY)
	$(STEP) make-subset

prototxt: $(READY)
	$(STEP) make-prototxt $(if $(SCHEME),,--paper)

train: $(READY)
	$(if $(SCHEME),,$(error make train needs SCHEME=...; the paper's methods are train-multilabel, train-multitask, train-multiweight, train-multiweight-third))
	$(STEP) make-prototxt
	$(STEP) train --variant "$$($(PY) tools/make/step.py make-prototxt --name 2>/dev/null)"

train-multilabel train-multitask train-multiweight train-multiweight-third: $(READY)
	$(STEP) make-prototxt --variant $(@:train-%=%)
	$(STEP) train --variant $(@:train-%=%)

features: $(READY)
	$(STEP) extract-features --all --untrained

evaluate: $(READY)
	$(STEP) evaluate --all --random

report annotate search export serve: $(READY)
	$(STEP) $@

study: $(READY)
	$(STEP) run-study
	$(STEP) report-study

study-report: $(READY)
	$(STEP) report-study

# What is committed under docs/study, drawn again from its tables; it fails where a report or a figure is another then.
studies: $(READY)
	@for file in docs/study/*/study.yaml; do $(PY) tools/report_study.py "$${file%/study.yaml}" || exit; done
	git diff --stat --exit-code -- docs/study

# --- tests, tables, measurements ---
test: lint
	$(ROOMS)
	$(VENV)/bin/python -m pytest $(WHOLE)

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo --no-cache

# The two halves of the tests. Coverage doubles the seconds of Python code, so it is of the first half alone; the second half
# runs programs in processes of their own, or computes what the original does.
# The first half runs a process for each core, a file of tests at a time; the second half's tests use all cores themselves.
WHOLE := tests/parity tests/packaging tests/docker tests/end_to_end
ROOMS = $(VENV)/bin/python -m pytest -n auto --maxprocesses 8 --dist loadfile --durations=20 tests $(WHOLE:%=--ignore=%)
coverage: $(VENV)/.ready
	$(ROOMS) --cov --cov-report=
	@echo "files with the least coverage, percent, and all:"
	@$(VENV)/bin/coverage report --sort=cover --skip-covered | sed -n '1,32p;/^TOTAL/p'

test-whole: $(VENV)/.ready
	$(VENV)/bin/python -m pytest --durations=20 $(WHOLE)

# Damaged inputs for every reader, in processes of bounded memory, for so long or so many each: make fuzz INPUTS=10000
MINUTES ?= 5
fuzz: $(READY)
	PYTHONPATH=python $(PY) tests/fuzz/fuzz.py $(if $(INPUTS),--inputs $(INPUTS),--minutes $(MINUTES))

# make train-multiweight stopped at random moments by every signal: it must end as one that never was. Some minutes.
STOPS ?= 20
stops: $(READY)
	$(PY) tests/tools/stop_training.py build/stops --stops $(STOPS)

# Against the original alone: make original-root, or MULTIWEIGHT_ORIGINAL_ROOT or MULTIWEIGHT_ORIGINAL_PYTHON (tests/parity).
test-parity: $(VENV)/.ready
	$(VENV)/bin/python -m pytest tests/parity

# The same, and the worst deviations it sees written into docs/.
parity-table: $(VENV)/.ready
	MULTIWEIGHT_PARITY_TABLE=docs/PARITY_TABLE.md MULTIWEIGHT_REQUIRE_ORIGINAL=1 \
	  $(VENV)/bin/python -m pytest tests/parity --ignore=tests/parity/test_parity_table.py

# Nets of Caffe's forks in full size against OpenCV 4 and NumPy: some minutes of a core that is free, 8 GB of memory.
fork-nets: $(VENV)/.ready
	MULTIWEIGHT_FULL_SIZE_NETS=1 MULTIWEIGHT_REQUIRE_ENVIRONMENTS=1 $(VENV)/bin/python -m pytest tests/parity/test_fork_nets.py

# A net out of Caffe, in onnxruntime and in OpenCV 5 and 4, layer by layer, written into docs/; with a checkout of Caffe's source in
# MULTIWEIGHT_CAFFE_SOURCE, its published nets too.
export-table: $(VENV)/.ready
	MULTIWEIGHT_EXPORT_TABLE=docs/EXPORT_TABLE.md MULTIWEIGHT_REQUIRE_ENVIRONMENTS=1 \
	  $(VENV)/bin/python -m pytest tests/parity/test_export.py tests/parity/test_export_nets.py

BENCHMARKS := step memory feeding gpu
bench: $(VENV)/.ready
	@for b in $(BENCHMARKS); do echo; echo "=== benchmarks/$$b.py $(BENCH)"; $(VENV)/bin/python benchmarks/$$b.py $(BENCH) || exit; done

# What a GPU does with all this (docs/GPU.md); without one, at toy size on an emulated accelerator. It needs no environment.
gpu-check:
	@$(if $(wildcard $(PY)),$(PY),$(PYTHON)) benchmarks/gpu_check --parts "$(PARTS)" $(if $(WHEELS),--wheels "$(WHEELS)")

# Ratios against what a user would run instead, and the paper's size, in a file of 6.4 GB: half an hour on 2 free cores.
bench-retrieval: $(READY)
	$(PY) benchmarks/retrieval.py
	$(PY) benchmarks/retrieval.py --kind relu
	$(PY) benchmarks/retrieval.py --kind falling
	$(PY) benchmarks/measures.py
	$(PY) benchmarks/retrieval_scale.py --file $(RUNS)/retrieval_scale.h5

# The reference of both packages, from their docstrings: build/docs/index.html.
docs: $(VENV)/.ready
	@$(VENV)/bin/pdoc -o build/docs -d markdown multiweight caffe_torch '!caffe_torch.proto.caffe_pb2'

# Wheel and sdist, checked and not uploaded: build/release. Its programs have an environment of their own.
release:
	@[ -x build/release-tools/bin/twine ] || { $(PYTHON) -m venv build/release-tools && \
	  build/release-tools/bin/python -m pip install -q build==1.6.1 twine==7.0.0; }
	rm -rf build/release
	build/release-tools/bin/python -m build -o build/release .
	build/release-tools/bin/twine check --strict build/release/*

# --- what is committed and made: the paper's nets, and the schema's Python form ---
committed-prototxt: $(READY)
	$(PY) tools/make_prototxt.py --committed .

# By grpcio-tools 1.62: newer ones write code that protobuf 4.25, the oldest that is allowed, does not read.
proto:
	$(PYTHON) -m grpc_tools.protoc -Ipython/caffe_torch/proto --python_out=python/caffe_torch/proto caffe.proto

clean:
	rm -rf $(VENV) build

# --- the original (docker/README.md): images, a command in them, the same in a folder for machines without Docker ---
DOCKER_BUILD = @command -v $(DOCKER) >/dev/null || \
  { echo "error: $(DOCKER) is not installed: install Docker, or make original-root" >&2; exit 2; }; $(DOCKER) build
docker-cpu:
	$(DOCKER_BUILD) $(if $(MIRROR),--build-arg MIRROR=$(MIRROR)) -f docker/cpu/Dockerfile -t multiweight-cpu .

# RUN --mount, which cuda/Dockerfile has, is BuildKit's.
docker-cuda: export DOCKER_BUILDKIT = 1
docker-cuda:
	$(DOCKER_BUILD) $(if $(MIRROR),--build-arg MIRROR=$(MIRROR)) \
	  $(if $(ARCHITECTURES),--build-arg ARCHITECTURES="$(ARCHITECTURES)") $(if $(PTX),--build-arg PTX="$(PTX)") \
	  -f docker/cuda/Dockerfile -t multiweight-cuda .

docker-gpu:
	$(DOCKER_BUILD) -f docker/gpu/Dockerfile -t multiweight-gpu .

docker-run:
	@mkdir -p "$$RUNS"
	@docker/run.sh $(if $(filter-out multiweight-cpu,$(IMAGE)),--gpu) $(or $(IMAGE),multiweight-cpu) \
	  "$$RUNS" $${DATA:+"$$DATA"} -- $(CMD)

# Data and nets are written before, on the host: the image reads the same files.
docker-train-multiweight:
	@mkdir -p "$$RUNS"
	@docker/run.sh --gpu $(or $(IMAGE),multiweight-cuda) "$$RUNS" -- \
	  train-run "$$($(PYTHON) tools/make/step.py --run multi_weight)" $(or $(GPU),0)

docker-check: $(VENV)/.ready
	docker/check.sh build/docker-check $(MIRROR)

original-root:
	@docker/original_root.sh build/original-root $(MIRROR)

original-run:
	@[ -d "$$RUNS" ] || install -d $(if $(SUDO_UID),-o $(SUDO_UID) -g $(SUDO_GID)) "$$RUNS"
	@docker/run.sh build/original-root "$$RUNS" $${DATA:+"$$DATA"} -- $(CMD)
