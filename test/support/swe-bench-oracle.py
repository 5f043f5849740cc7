# What SWE-bench's own harness makes of logs: one JSON object per line in, one out.
import json
import os
import sys
import tempfile
import types

import swebench

# The package's own door imports Docker and Modal; parsers and grading need neither.
harness = types.ModuleType("swebench.harness")
harness.__path__ = [os.path.join(os.path.dirname(swebench.__file__), "harness")]
sys.modules["swebench.harness"] = harness

from swebench.harness.grading import get_eval_tests_report, get_logs_eval, get_resolution_status  # noqa: E402
from swebench.harness.infra_failure import classify_text  # noqa: E402
from swebench.harness.log_parsers import PARSER_REGISTRY  # noqa: E402
from swebench.harness.constants import EvalType  # noqa: E402
from swebench.types import TestSpec  # noqa: E402

# Parsers print warnings; the answers go where the warnings cannot reach.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def spec(case):
    return TestSpec(
        instance_id=case["instanceId"],
        image="",
        eval_script_list=[],
        repo="x/x",
        version="1.0",
        FAIL_TO_PASS=case["failToPass"],
        PASS_TO_PASS=case["passToPass"],
        log_parser=case["logParser"],
        eval_type=case["evalType"],
    )


def attempt(work):
    try:
        return work()
    except Exception as error:  # noqa: BLE001
        return {"error": f"{type(error).__name__}: {error}"}


def graded(case):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".txt") as file:
        file.write(case["log"])
        file.flush()
        statuses, found = get_logs_eval(spec(case), file.name)
    if not found:
        return {"isValid": False}
    gold = {"FAIL_TO_PASS": case["failToPass"], "PASS_TO_PASS": case["passToPass"]}
    report = get_eval_tests_report(statuses, gold, eval_type=EvalType(case["evalType"]))
    return {
        "isValid": True,
        "statuses": statuses,
        "resolution": get_resolution_status(report),
        "failToPass": report["FAIL_TO_PASS"],
        "passToPass": report["PASS_TO_PASS"],
    }


for line in sys.stdin:
    case = json.loads(line)
    answer = {
        "parsed": attempt(lambda: {"statuses": PARSER_REGISTRY[case["logParser"]](case["log"], spec(case))}),
        "graded": attempt(lambda: graded(case)),
        "infra": classify_text(case["log"]),
    }
    answers.write(json.dumps(answer) + "\n")
answers.flush()
