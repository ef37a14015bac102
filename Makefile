# Names for developers; each target is a script that works without make.
.PHONY: help run test test-matrix install uninstall setup demo check compat codec-bench damage witness bench soak

help:
	@echo "make run      Orthanc with the transcoder, in the foreground"
	@echo "make test     the whole test suite, real Orthanc processes included"
	@echo "make test-matrix  the same on Debian 12, 13 and sid, in containers"
	@echo "make check    ruff, ruff format, mypy, fast tests"
	@echo "make demo     a dozen real images through a temporary Orthanc, and its dashboard"
	@echo "make compat   every file of the test packages to every target: docs/compatibility.md"
	@echo "make codec-bench  speed and ratio of every codec: docs/codecs.md"
	@echo "make damage   what the decoders make of damaged codestreams: docs/damage.md"
	@echo "make witness  what witnesses cost and second opinions find: docs/witnesses.md"
	@echo "make bench    real Orthanc processes with this transcoder, others and none: docs/benchmark.md"
	@echo "make soak     half an hour of load while workers are killed: docs/soak.md"
	@echo "make install  the plugin for Debian's own Orthanc service; make uninstall"
	@echo "make setup    install what the others need"

run:
	@scripts/run

test:
	@scripts/test

test-matrix:
	@scripts/test-matrix

install:
	@scripts/install

uninstall:
	@scripts/uninstall

setup:
	@scripts/setup

demo:
	@scripts/demo

check:
	@scripts/check

compat:
	@scripts/compat

codec-bench:
	@scripts/codec-bench

damage:
	@scripts/damage --write

witness:
	@scripts/witness --write

bench:
	@scripts/bench

soak:
	@scripts/soak
