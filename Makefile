# The steps of a run, one target each; each is a thin call of the script in tools/ with the same name.
#
#   make demo                               everything on a drawn shop          make test      the tests
#   make reproduce DATA=DIR                 everything on a real dataset        make setup     only the environment
#   make prototxt SCHEME=smoothed C=2.0     nets with other weights             make train SCHEME=smoothed C=2.0
#   make original-root test-parity          the tests against the original      make parity-table  docs/PARITY_TABLE.md
#   make fuzz MINUTES=5                     damaged inputs for every reader
#   make bench                              speed and memory, against the original and plain PyTorch
#   make lmdb train-multilabel train-multitask train-multiweight train-multiweight-third features evaluate report
#
# Settings are variables on the command line, or lines `NAME = value` in one file a run: make reproduce SETTINGS=my.mk

SETTINGS ?=
ifneq ($(SETTINGS),)
include $(SETTINGS)
endif

# --- where ---
PYTHON  ?= python3
VENV    ?= .venv
RUNS    ?= runs
DATA    ?= $(RUNS)/sample-shop/shop
DRAWN   := $(filter $(abspath $(RUNS)/sample-shop/shop),$(abspath $(DATA)))
DATASET ?= $(if $(DRAWN),sample-shop,$(notdir $(abspath $(DATA))))
# --- with what: auto, caffe (the original) or torch; a GPU's number or none (default: a GPU where there is one) ---
ENGINE  ?= auto
GPU     ?=
# --- the net: the small AlexNet for CPUs; the paper's is SIZE=256 WIDTH=1 BATCH=256 ITERATIONS=450000
#     with LR= left empty, which takes the rule for full-size nets (prototxt/README.md) ---
SIZE    ?= 96
WIDTH   ?= 0.5
BATCH   ?= 32
#     The rates are the best for multi_label of a few on a validation part of each set: 0.0015 of 0.001 to 0.003 for the drawn
#     shop, 0.001 of 0.0005 to 0.002 for photos; one rate for every method (docs/RESULTS.md).
ITERATIONS ?= $(if $(DRAWN),1000,12000)
LR      ?= $(if $(DRAWN),0.0015,0.001)
# The rate drops by 10 here: after four fifths.
STEPSIZE ?= $(shell expr $(ITERATIONS) \* 4 / 5)
LOSS    ?= python
SEED    ?= 1
NET     ?=
#     TRUNK is alexnet, caffenet, vgg16 or resnet50; WEIGHTS a .caffemodel to start from, layers taken by name
TRUNK   ?= alexnet
WEIGHTS ?=
#     TENSORBOARD=1 writes event files too: tensorboard --logdir runs
TENSORBOARD ?=
# --- gamma: SCHEME is one of python/multiweight/gamma/schemes.py (ones, proportion, smoothed, ..., uncertainty, dwa), a CSV of
#     group,gamma, or module:function; C its constant; OBJECTIVE is sigmoid, focal or asymmetric ---
SCHEME  ?=
C       ?=
RESCALE ?=
OBJECTIVE ?=
# --- the sample shop ---
PRODUCTS ?= 1600
WRONG   ?= 0.05
MISSING ?= 0.1
TAIL    ?= 1
# --- data: RESIZE is warp, pad or crop; UNKNOWN no or ignore; GIVEN=1 takes the source's own split, DEDUPE=1 keeps
#     near-duplicate photos on one side ---
RESIZE  ?= warp
UNKNOWN ?= no
GIVEN   ?=
DEDUPE  ?=
#     CLEAN=1 cleans before the split; OVERWRITE=1 draws, imports, splits, packs and writes nets anew where inputs or settings have changed.
CLEAN   ?=
OVERWRITE ?=
RATIO   ?= 10
KIND    ?= independent
# --- retrieval ---
METRIC  ?= cosine
DENOMINATOR ?= retrieved
#     all test images, or for each group those with a label of it: CANDIDATES=group; MEMORY bounds the search, MB
CANDIDATES ?= all
MEMORY  ?= 2048
#     features averaged over VIEWS=mirror or crops; RECOGNITION=1 scores the sigmoid outputs too; FAILURES=1 shows the
#     worst queries in the report's gallery; SUBSETS names datasets of two groups, for Tables IV and V
VIEWS   ?= centre
RECOGNITION ?=
FAILURES ?=
SUBSETS ?=
#     CHECK=1 fails where a trained method does not beat the untrained net and a random ranking, as the demo's must
CHECK   ?=
#     one photo, and the trained run that names it: make annotate PHOTO=a.jpg VARIANT=multi_weight_third
PHOTO   ?=
MAX_BAD ?= 0.01
# --- the original stack: a command to run in it, the Debian mirror to install from (default: the base image's, or this
#     machine's), and the program that runs images ---
CMD     ?=
MIRROR  ?=
DOCKER  ?= docker
#     IMAGE names another image for docker-run and docker-train-multiweight: IMAGE=multiweight-cuda sees the GPUs
IMAGE   ?=
#     compute capabilities that docker-cuda compiles for, where its own (3.5 5.0 6.0 7.0 8.0, PTX 8.0) are not wanted
ARCHITECTURES ?=
PTX     ?=

# These belong to a scheme of weights; the paper's methods have their own.
ifeq ($(SCHEME),)
ifneq ($(C)$(RESCALE)$(OBJECTIVE),)
$(error C, RESCALE and OBJECTIVE need SCHEME=...: make train SCHEME=proportion RESCALE=1, for one)
endif
endif

METHODS := multi_label multi_task multi_weight multi_weight_third
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# The original has its own interpreter, in its container, with what the tools need: no environment to make.
ifeq ($(ENGINE),caffe)
PY := $(PYTHON)
READY :=
endif
export ENGINE

RUN := --dataset $(DATASET) --runs $(RUNS)
AGAIN = $(if $(OVERWRITE),--overwrite)
VARIANTS = $(foreach v,$(METHODS),--variant $(v))
WEIGHTING = $(if $(SCHEME),--scheme $(SCHEME)) $(if $(C),--c $(C)) $(if $(RESCALE),--rescale) \
            $(if $(OBJECTIVE),--objective $(OBJECTIVE))
NETS = $(PY) tools/make_prototxt.py $(RUN) --size $(SIZE) --width $(WIDTH) --batch-size $(BATCH) --iterations $(ITERATIONS) \
       --loss $(LOSS) --trunk $(TRUNK) --seed $(SEED) $(if $(LR),--base-lr $(LR)) --stepsize $(STEPSIZE) $(NET) $(AGAIN)
TRAIN = $(PY) tools/train.py $(RUN) $(if $(GPU),--gpu $(GPU)) $(if $(WEIGHTS),--weights $(WEIGHTS)) \
        $(if $(TENSORBOARD),--tensorboard)

comma := ,
# Training may use several GPUs; extraction takes the first of them.
ONE_GPU = $(patsubst all,0,$(firstword $(subst $(comma), ,$(GPU))))

.PHONY: docs setup demo reproduce shop keywords records clean-records statistics split lmdb sheet subset prototxt train \
        train-multilabel train-multitask train-multiweight train-multiweight-third features evaluate report annotate export \
        search serve study study-report test fuzz lint proto clean committed-prototxt docker-cpu docker-cuda docker-gpu docker-run \
        docker-train-multiweight docker-check original-root original-run test-parity parity-table export-table fork-nets bench bench-retrieval
.DELETE_ON_ERROR:

setup: $(VENV)/.ready

# An environment that no longer runs (moved, or its Python gone) is made anew.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PY) -c "" 2>/dev/null || { [ -w "$$(dirname "$(VENV)")" ] || { echo "error: this folder cannot be written to: give VENV= and RUNS= others" >&2; exit 2; }; \
	  rm -rf $(VENV); echo "making $(VENV) (some minutes)"; $(PYTHON) -m venv $(VENV); } || \
	  { echo "error: no virtual environment: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 2; }
	$(VENV)/bin/python -m pip install -q -c constraints.txt -e ".[torch,report,search,serve,export,tensorboard,dev]"
	@touch $@

demo: $(READY)
	@$(MAKE) --no-print-directory shop
	@$(MAKE) --no-print-directory reproduce DATA=$(RUNS)/sample-shop/shop DATASET=sample-shop CHECK=1

shop: $(READY)
	$(PY) tools/make_sample_shop.py $(RUNS)/sample-shop/shop --products $(PRODUCTS) --wrong $(WRONG) --missing $(MISSING) \
	  --tail $(TAIL) $(AGAIN)

reproduce: $(READY)
	@$(MAKE) --no-print-directory lmdb
	@for v in $(METHODS); do $(NETS) --variant $$v || exit; done
	$(TRAIN) $(VARIANTS)
	@$(MAKE) --no-print-directory features
	@$(MAKE) --no-print-directory evaluate
	@$(MAKE) --no-print-directory report

# Texts -> keywords.yaml, for a person to edit: make keywords DATA=my-shop (the texts of its shop.csv or shop.jsonl)
keywords: $(READY)
	$(PY) tools/build_catalog.py $(or $(wildcard $(DATA)/shop.csv $(DATA)/shop.jsonl),$(error make keywords needs DATA=DIR, a folder with shop.csv or shop.jsonl: $(DATA) has neither))

records: $(READY)
	$(PY) tools/import_dataset.py $(DATA) $(RUN) --max-bad $(MAX_BAD) $(AGAIN)

clean-records: records
	$(PY) tools/clean_dataset.py $(RUN) $(AGAIN)

split: $(if $(CLEAN),clean-records,records)
	$(PY) tools/split.py $(RUN) --seed $(SEED) $(if $(GIVEN),--given) $(if $(DEDUPE),--dedupe) $(AGAIN)

statistics: split
	$(PY) tools/describe_dataset.py $(RUN)

lmdb: split
	$(PY) tools/build_lmdb.py $(RUN) --size $(SIZE) --seed $(SEED) --max-bad $(MAX_BAD) --resize $(RESIZE) --unknown $(UNKNOWN) $(AGAIN)
	$(PY) tools/verify_lmdb.py $(RUN)

sheet: $(READY)
	$(PY) tools/show_lmdb.py $(RUN)

# Tables IV and V: make subset DATASET=shop LARGE=Coat SMALL=Pantsuit KIND=independent NAME=coat-pantsuit
subset: $(READY)
	$(PY) tools/make_subset.py $(RUN) --name $(NAME) --large "$(LARGE)" --small "$(SMALL)" --ratio $(RATIO) --kind $(KIND)

prototxt: $(READY)
	$(if $(SCHEME),$(NETS) $(WEIGHTING),@for v in $(METHODS); do $(NETS) --variant $$v || exit; done)

train: $(READY)
	$(if $(SCHEME),,$(error make train needs SCHEME=...; the paper's methods are train-multilabel, train-multitask, train-multiweight, train-multiweight-third))
	$(NETS) $(WEIGHTING)
	$(TRAIN) --variant $$($(PY) tools/make_prototxt.py $(RUN) $(WEIGHTING) --name)

train-multilabel train-multitask train-multiweight train-multiweight-third: $(READY)
	$(NETS) --variant $(VARIANT)
	$(TRAIN) --variant $(VARIANT)
train-multilabel: VARIANT = multi_label
train-multitask: VARIANT = multi_task
train-multiweight: VARIANT = multi_weight
train-multiweight-third: VARIANT = multi_weight_third

features: $(READY)
	$(PY) tools/extract_features.py $(RUN) --all --untrained --views $(VIEWS) $(if $(RECOGNITION),--probabilities) \
	  $(if $(GPU),--gpu $(ONE_GPU))

evaluate: $(READY)
	$(PY) tools/evaluate.py $(RUN) --all --random --metric $(METRIC) --denominator $(DENOMINATOR) \
	  --candidates $(CANDIDATES) --memory $(MEMORY)

# The study of the folder STUDY, on the photos of DATA (drawn shops need none): stopped at any point, the same command goes
# on. ONLY="core independent" runs some of its experiments; JOBS trials run at a time.
STUDY ?= docs/study/fashion
JOBS  ?= 1
ONLY  ?=
study: $(READY)
	$(PY) tools/run_study.py $(STUDY) $(if $(DRAWN),,--data $(DATA)) --runs $(RUNS) --jobs $(JOBS) $(foreach e,$(ONLY),--only $(e)) \
	  $(if $(GPU),--gpu $(GPU))
	@$(MAKE) --no-print-directory study-report

study-report: $(READY)
	$(PY) tools/report_study.py $(STUDY)

report: $(READY)
	$(PY) tools/report.py $(RUN) $(if $(FAILURES),--failures-first) $(foreach s,$(SUBSETS),--subset $(s)) $(if $(CHECK),--check)

annotate search: $(READY)
	$(if $(PHOTO),,$(error make $@ needs PHOTO=FILE, and VARIANT=the run to use))
	$(PY) tools/$@.py $(RUN) $(if $(VARIANT),--variant $(VARIANT)) $(PHOTO)

# The run VARIANT as an ONNX model, with its catalog, a model card and a script for photos: runs/DATASET/VARIANT/export
export: $(READY)
	$(PY) tools/export.py $(RUN) $(if $(VARIANT),--variant $(VARIANT))

# The page of the dataset's runs, on this machine alone: http://127.0.0.1:8000/
PORT ?= 8000
serve: $(READY)
	$(PY) tools/serve.py $(RUN) --port $(PORT) $(if $(GPU),--gpu $(ONE_GPU))

# Ratios against what a user would run instead, and the paper's size: 20 minutes on 2 free cores.
bench-retrieval: $(READY)
	$(PY) benchmarks/retrieval.py
	$(PY) benchmarks/retrieval.py --kind relu
	$(PY) benchmarks/measures.py
	$(PY) benchmarks/retrieval_scale.py

test: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(VENV)/bin/python -m pytest

# Damaged inputs for every reader, in processes of bounded memory, for so long or so many each: make fuzz INPUTS=10000
MINUTES ?= 5
INPUTS  ?=
fuzz: $(READY)
	PYTHONPATH=python $(PY) tests/fuzz/fuzz.py $(if $(INPUTS),--inputs $(INPUTS),--minutes $(MINUTES))

# The reference of both packages, from their docstrings: build/docs/index.html.
docs: $(VENV)/.ready
	@$(VENV)/bin/pdoc -o build/docs -d markdown multiweight caffe_torch '!caffe_torch.proto.caffe_pb2'

# Against the original alone: make original-root, or MULTIWEIGHT_ORIGINAL_ROOT or MULTIWEIGHT_ORIGINAL_PYTHON (tests/parity).
test-parity: $(VENV)/.ready
	$(VENV)/bin/python -m pytest tests/parity

# The same, and the worst deviations it sees written into docs/.
parity-table: $(VENV)/.ready
	MULTIWEIGHT_PARITY_TABLE=docs/PARITY_TABLE.md MULTIWEIGHT_REQUIRE_ORIGINAL=1 \
	  $(VENV)/bin/python -m pytest tests/parity --ignore=tests/parity/test_parity_table.py

# Nets of Caffe's forks in full size against OpenCV 4 and NumPy: 10 minutes of a core, 8 GB of memory.
fork-nets: $(VENV)/.ready
	MULTIWEIGHT_FULL_SIZE_NETS=1 MULTIWEIGHT_REQUIRE_ENVIRONMENTS=1 $(VENV)/bin/python -m pytest tests/parity/test_fork_nets.py

# A net out of Caffe, in onnxruntime and in OpenCV 5 and 4, layer by layer, written into docs/; with a checkout of Caffe's source in
# MULTIWEIGHT_CAFFE_SOURCE, its published nets too.
export-table: $(VENV)/.ready
	MULTIWEIGHT_EXPORT_TABLE=docs/EXPORT_TABLE.md MULTIWEIGHT_REQUIRE_ENVIRONMENTS=1 \
	  $(VENV)/bin/python -m pytest tests/parity/test_export.py tests/parity/test_export_nets.py

# The original stack (docker/README.md): images, a command in them, the same in a folder for machines without Docker.
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
	@mkdir -p "$(RUNS)"
	@DOCKER="$(DOCKER)" docker/run.sh $(if $(filter-out multiweight-cpu,$(IMAGE)),--gpu) $(or $(IMAGE),multiweight-cpu) \
	  "$(RUNS)" "$(DATA)" -- $(CMD)

# Data and nets are written before, on the host: the image reads the same files.
docker-train-multiweight:
	@mkdir -p "$(RUNS)"
	@DOCKER="$(DOCKER)" docker/run.sh --gpu $(or $(IMAGE),multiweight-cuda) "$(RUNS)" -- train-run $(RUNS)/$(DATASET)/multi_weight $(or $(GPU),0)

docker-check: $(VENV)/.ready
	docker/check.sh build/docker-check $(MIRROR)

original-root:
	@docker/original_root.sh build/original-root $(MIRROR)

original-run:
	@[ -d "$(RUNS)" ] || install -d $(if $(SUDO_UID),-o $(SUDO_UID) -g $(SUDO_GID)) "$(RUNS)"
	@docker/run.sh build/original-root "$(RUNS)" "$(DATA)" -- $(CMD)

# Speed and memory beside what one would run instead; BENCH=--quick takes a look in a few minutes.
BENCH ?=
BENCHMARKS := step memory feeding gpu
bench: $(VENV)/.ready
	@for b in $(BENCHMARKS); do echo; echo "=== benchmarks/$$b.py $(BENCH)"; $(VENV)/bin/python benchmarks/$$b.py $(BENCH) || exit; done

# Regenerate what is committed: the paper's nets, and the schema's Python form.
committed-prototxt: $(READY)
	$(PY) tools/make_prototxt.py --committed .

# By grpcio-tools 1.62: newer ones write code that protobuf 4.25, the oldest that is allowed, does not read.
proto:
	$(PYTHON) -m grpc_tools.protoc -Ipython/caffe_torch/proto --python_out=python/caffe_torch/proto caffe.proto

clean:
	rm -rf $(VENV) build
