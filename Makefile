# make check: what CI runs. make proof: the long forms, and the mutations. make coverage: which
# statements and branches of domain and actions the tests reach, over all processes.
.PHONY: check lint coverage proof proof-long proof-plain proof-extensions proof-mutations bench

check:
	bash .ci/run

lint:
	ruff format --check .
	ruff check .
	mypy
	lint-imports

coverage:
	coverage erase
	coverage run -m pytest --timeout 300 tests/chatctl_server tests/chatctl
	coverage combine -q
	coverage report -m --skip-covered

# Every part of it, also after one has failed: make -k proof.
proof: proof-long proof-plain proof-extensions proof-mutations

proof-long:
	CHATCTL_PROOF=1 python -m pytest -n 0 -rP --timeout 7200 tests/system \
		tests/chatctl_server/live tests/chatctl_server/storage tests/chatctl_server/test_model.py \
		tests/chatctl_server/test_team_model.py tests/chatctl_server/test_desk_model.py \
		tests/chatctl_server/test_schema.py \
		tests/chatctl_server/workers/callbacks tests/chatctl_server/workers tests/web

proof-plain:
	CHATCTL_PLAIN_ASGI=1 python -m pytest -n 4 -m 'not own_protocol' tests/chatctl_server/api tests/system

proof-extensions:
	python tests/extensions/run.py

proof-mutations:
	python tests/mutations/run.py

# FANOUT='--write --peer centrifugo=PATH …' is passed on to the comparison with other servers.
bench:
	python bench/fanout.py $(FANOUT)
	python bench/posting.py
	python bench/team.py
	python bench/desk.py
	python bench/history.py
	python bench/startup.py
	python bench/commands.py
	python bench/admin.py
	python bench/callbacks.py
	python bench/isolation.py
	python bench/stuck.py
	python bench/callback_client.py
