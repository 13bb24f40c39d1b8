.DEFAULT_GOAL := help
.PHONY: help setup build demo test check fmt lint doc verify deny fuzz clean check-python python-checks bench bench-error bench-peers readme-pictures

RUNTIME := 1.32.0
STAMP := .ort/.onnxruntime-$(RUNTIME)
MCDROP := target/release/mcdrop

# The wheel of this machine: pip is told the platform, so any Python 3 will do.
MACHINE := $(shell uname -s 2>/dev/null)-$(shell uname -m 2>/dev/null)
PLATFORM := $(or \
  $(if $(filter Linux-x86_64,$(MACHINE)),manylinux_2_28_x86_64), \
  $(if $(filter Linux-aarch64,$(MACHINE)),manylinux_2_28_aarch64), \
  $(if $(filter Darwin-arm64,$(MACHINE)),macosx_14_0_arm64), \
  $(if $(findstring ARM64,$(PROCESSOR_ARCHITECTURE)),win_arm64), \
  $(if $(filter Windows_NT,$(OS)),win_amd64))
PYTHON ?= python3

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Fetch ONNX Runtime's library (pinned by hash) into .ort

$(STAMP): .config/onnxruntime.txt
	@test -n "$(PLATFORM)" || { echo "no ONNX Runtime wheel is known for $(MACHINE)"; \
	  echo "hint: set ORT_DYLIB_PATH to a library of version 1.20 or newer"; exit 1; }
	rm -rf .ort
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary=:all: --implementation cp --python-version 3.12 --platform $(PLATFORM) \
	  --target .ort -r .config/onnxruntime.txt
	@cd .ort && find . -type f ! -name '*onnxruntime.so*' ! -name 'onnxruntime*.dll' \
	  ! -name '*.dylib' ! -name LICENSE ! -name 'ThirdPartyNotices*' -delete
	@find .ort -type d -empty -delete
	@touch $@

build: setup ## Build the program
	cargo build --release --locked

demo: build ## Run the main job on the committed models and images
	$(MCDROP) predict models/streets.onnx fixtures/streets/images -o out --overwrite --report
	$(MCDROP) predict models/digits.onnx fixtures/digits -o out-digits --overwrite --report
	@echo
	@echo "Open these:"
	@echo "  out/report.html         a page to look at the streets; out-digits/report.html at digits"
	@echo "  out/overlay             where the street model is unsure, over each image"
	@echo "  out/mutual_information  where its samples disagree"
	@echo "  out/predictions.csv     a row for each image; out-digits/predictions.csv for the digits"

# Tests that cannot run on this machine record the reason in this file.
SKIPPED := $(or $(CARGO_TARGET_DIR),target)/tmp/skipped.txt

test: setup ## Run the tests
	@rm -f $(SKIPPED)
	cargo test --locked
	@if [ -f $(SKIPPED) ]; then sort -u $(SKIPPED) | sed 's/^/skipped: /'; fi

fmt: ## Check the formatting
	cargo fmt --check

lint: ## Run clippy, warnings are errors
	cargo clippy --all-targets --locked -- -D warnings

doc: ## Build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items

check: fmt lint doc test ## What CI runs

# Reads a database of advisories from the network.
DENY_VERSION := 0.18.5
DENY := .tools/cargo-deny-$(DENY_VERSION)/bin/cargo-deny

$(DENY):
	cargo install cargo-deny --version $(DENY_VERSION) --locked --root .tools/cargo-deny-$(DENY_VERSION)

deny: $(DENY) ## Check dependencies for advisories and licenses (fetches cargo-deny)
	$(DENY) --locked check --config .config/deny.toml

verify: build deny ## Run the long checks, on an idle machine: they print their figures
	@if $(PYTHON) -c 'import onnx' 2>/dev/null; then \
	  $(PYTHON) -m models.onnx_package target/onnx-package; \
	else rm -rf target/onnx-package; fi
	MCDROP_ONNX_MODELS=$$(ls -d target/onnx-package 2>/dev/null) \
	  cargo test --release --locked -- --ignored --nocapture

# Converted models in the ONNX Runtime of Python, with default options: no code of ours runs.
PYTHON_STAMP := .python/.checks

python-checks: $(PYTHON_STAMP)

$(PYTHON_STAMP): .config/python-checks.txt
	rm -rf .python
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --only-binary=:all: --target .python -r .config/python-checks.txt
	@touch $@

check-python: build python-checks ## Check converted models in Python (fetches wheels pinned by hash)
	PYTHONPATH=.python $(PYTHON) tests/python/check_converted.py $(MCDROP)
	PYTHONPATH=.python $(PYTHON) tests/python/check_mask_inputs.py $(MCDROP)

readme-pictures: build ## Make the pictures of the README (needs Chromium for those of the page)
	$(MCDROP) predict models/streets.onnx fixtures/streets/images -o target/readme --overwrite \
	  --report --keep-probabilities=f16
	$(MCDROP) evaluate target/readme --labels fixtures/streets/labels
	$(MCDROP) report target/readme --labels fixtures/streets/labels
	cargo bench --locked --profile dev --bench readme_pictures -- target/readme fixtures/readme
	$(MCDROP) figure target/readme strange_00.png strange_03.png street_40.png -o fixtures/readme/streets.png \
	  --columns image,prediction,predictive_entropy,mutual_information --captions none --dpi 150
	cp target/readme/overlay/strange_00.png.png fixtures/readme/overlay.png
	$(MCDROP) predict models/streets_depth.onnx fixtures/streets_depth/images -o target/readme-depth --overwrite \
	  --value-range 0:80
	$(MCDROP) figure target/readme-depth strange_00.png strange_03.png evaluation_00.png \
	  -o fixtures/readme/streets_depth.png --columns image,value,aleatoric_std,epistemic_std --captions none --dpi 150

bench: setup ## Time the kernels and whole predictions (minutes; BENCH=dropout for some)
	cargo bench --locked --bench kernels --bench predictions -- $(BENCH)
	cargo bench --locked --bench single_image

bench-error: setup ## Measure the sampling error against time (ten minutes; with the U-Net of bench-peers, if it is there)
	cargo bench --locked --bench error_against_time -- fixtures/readme $$(ls target/bench/unet.onnx 2>/dev/null)

# Against what users would write instead: several GB of Python packages, put aside.
PEERS_STAMP := .peers/.installed

$(PEERS_STAMP): .config/bench-peers.txt
	rm -rf .peers
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .peers -r $<
	@touch $@

bench-peers: build $(PEERS_STAMP) ## Time predictions against PyTorch, onnxruntime and others (hours; PEERS=--help)
	cargo build --release --locked --bench bound
	PYTHONPATH=.peers $(PYTHON) benches/networks.py target/bench
	PYTHONPATH=.peers $(PYTHON) benches/peers.py $(MCDROP) \
	  $$(ls -t target/release/deps/bound-* | grep -v '\.d$$' | head -1) target/bench $(PEERS)

# Inputs are led by what they reach in the code: stable Rust, with the counters of LLVM. The
# program itself is built along and never run, so it need not find them.
FUZZ_TARGETS ?= image configuration manifest table model
SECONDS ?= 600
FUZZ_HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
  -Clink-arg=-Wl,--unresolved-symbols=ignore-all

fuzz: setup ## Give readers of files strangers' bytes, 10 minutes a target (SECONDS=600; a C++ compiler)
	RUSTFLAGS="$(FUZZ_FLAGS)" cargo test --locked --target $(FUZZ_HOST) --target-dir target/fuzz \
	  --test fuzz --no-run
	@for target in $(FUZZ_TARGETS); do \
	  program=$$(ls -t target/fuzz/$(FUZZ_HOST)/debug/deps/fuzz-* | grep -v '\.d$$' | head -1); \
	  mkdir -p target/fuzz/corpus/$$target; \
	  FUZZ_TARGET=$$target FUZZ_SEEDS=target/fuzz/corpus/$$target/seeds $$program \
	    target/fuzz/corpus/$$target -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=2048 \
	    -max_len=32768 -print_final_stats=1 -verbosity=1 \
	    -artifact_prefix=target/fuzz/$$target- || exit 1; \
	done

clean: ## Remove what was built and fetched
	rm -rf target .ort .python .peers .tools out out-digits
