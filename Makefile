# make check: what CI runs. make proof: the long forms, and the mutations.
.PHONY: check lint proof bench

check:
	bash .ci/run

lint:
	ruff format --check .
	ruff check .
	mypy
	lint-imports

proof:
	CHATCTL_PROOF=1 python -m pytest tests/system tests/chatctl_server -n 2 --timeout 3600
	python tests/mutations/run.py

bench:
	python bench/posting.py
	python bench/history.py
	python bench/startup.py
	python bench/fanout.py
