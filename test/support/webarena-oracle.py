# The published evaluators, asked over lines of JSON: one case in, one answer out.
import json
import logging
import sys

logging.disable(logging.CRITICAL)
which = sys.argv[1]


def verified():
    from webarena_verified.core.evaluation.evaluators import EVALUATOR_REGISTRY
    from webarena_verified.types.config import WebArenaVerifiedConfig
    from webarena_verified.types.eval import TaskEvalContext
    from webarena_verified.types.task import WebArenaVerifiedTask
    from webarena_verified.types.tracing import NetworkTrace
    from webarena_verified.core.evaluation.data_types import TYPE_REGISTRY

    configs = {}

    def config_for(sites):
        key = json.dumps(sites, sort_keys=True)
        if key not in configs:
            environments = {name: {"urls": urls} for name, urls in sites.items()}
            configs[key] = WebArenaVerifiedConfig.model_validate({"environments": environments})
        return configs[key]

    tasks = {}

    def answer(case):
        if "type" in case:
            type_class = TYPE_REGISTRY[case["type"]]
            try:
                wanted = type_class(case["wanted"])
            except Exception:
                return {"wanted": "none"}
            try:
                given = type_class(case["given"])
            except Exception:
                return {"equal": False}
            return {"equal": bool(wanted == given)}
        if "task" in case:
            tasks[case["id"]] = WebArenaVerifiedTask.model_validate(case["task"])
        task = tasks[case["id"]]
        entries = case["entries"]
        trace = NetworkTrace.from_content(entries) if entries else NetworkTrace.model_construct(
            is_playwright=False, src_file="", events=()
        )
        context = TaskEvalContext.model_construct(
            task=task, agent_response_raw=case["response"], network_trace=trace, config=config_for(case["sites"])
        )
        chosen = task.eval if case.get("check") is None else [task.eval[case["check"]]]
        results = [EVALUATOR_REGISTRY[cfg.evaluator]().evaluate(context=context, config=cfg) for cfg in chosen]
        return {
            "statuses": [str(result.status) for result in results],
            "assertions": [[a.assertion_name for a in result.assertions or ()] for result in results],
            "messages": [[list(a.assertion_msgs or ()) for a in result.assertions or ()] for result in results],
        }

    return answer


def webarena():
    import os
    import tempfile
    import types

    for name in ("REDDIT", "SHOPPING", "SHOPPING_ADMIN", "GITLAB", "WIKIPEDIA", "MAP", "HOMEPAGE"):
        for prefix in ("", "WA_"):
            os.environ[prefix + name] = "http://" + name.lower().replace("_", "-") + ".test"

    # The evaluators name the browser's types and no more of it.
    class Page:
        def __init__(self, url="", text=""):
            self.url = url
            self.text = text

        @property
        def context(self):
            return types.SimpleNamespace(new_page=lambda: Page(text=self.text))

        def close(self):
            pass

        def goto(self, url):
            self.url = url

        def content(self):
            return self.text

        def evaluate(self, expression):
            return self.text

    playwright = types.ModuleType("playwright.sync_api")
    playwright.Page = Page
    playwright.CDPSession = type("CDPSession", (), {})
    for name in ("Browser", "BrowserContext", "Locator", "Playwright", "ViewportSize", "expect", "sync_playwright"):
        setattr(playwright, name, type(name, (), {}))
    sys.modules["playwright"] = types.ModuleType("playwright")
    sys.modules["playwright.sync_api"] = playwright
    for name in ("actions", "utils", "env_config"):
        module = types.ModuleType("webarena.browser_env." + name)
        module.Action = dict
        module.StateInfo = dict
        for site in ("REDDIT", "SHOPPING", "SHOPPING_ADMIN", "GITLAB", "WIKIPEDIA", "MAP", "HOMEPAGE"):
            setattr(module, site, os.environ[site])
        module.ACCOUNTS = {}
        sys.modules["webarena.browser_env." + name] = module
    sys.modules["webarena.browser_env"] = types.ModuleType("webarena.browser_env")
    for name in ("webarena.llms", "webarena.llms.providers", "webarena.llms.providers.openai_utils"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["webarena.llms.providers.openai_utils"].generate_from_openai_chat_completion = None

    sys.modules["requests"] = types.ModuleType("requests")
    import nltk.tokenize
    from nltk.tokenize.destructive import NLTKWordTokenizer

    # The model that finds sentences is no part of the package: words of one sentence are compared.
    tokenizer = NLTKWordTokenizer()
    nltk.tokenize.word_tokenize = tokenizer.tokenize

    from webarena.evaluation_harness import evaluators, helper_functions

    # They wait three seconds for every page.
    evaluators.time = types.SimpleNamespace(sleep=lambda seconds: None)
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "config.json")

    def answer(case):
        if "tokens" in case:
            return {"tokens": tokenizer.tokenize(case["tokens"])}
        if "post" in case:
            return {"post": helper_functions.reddit_get_post_url(case["post"])}
        with open(path, "w") as file:
            json.dump({"intent": "", "eval": case["eval"]}, file)
        kinds = {
            "url_match": evaluators.URLEvaluator,
            "program_html": evaluators.HTMLContentEvaluator,
            "string_match": evaluators.StringEvaluator,
        }
        evaluator = kinds[case["eval"]["eval_types"][0]]()
        trajectory = [{}, {"answer": case["answer"]}]
        try:
            return {"score": float(evaluator(trajectory, path, Page(case["url"], case.get("text", "")), None))}
        except Exception as error:
            return {"error": repr(error)[:300]}

    return answer


answer = {"verified": verified, "webarena": webarena}[which]()
for line in sys.stdin:
    case = json.loads(line)
    try:
        print(json.dumps(answer(case)), flush=False)
    except Exception as error:
        print(json.dumps({"broken": repr(error)[:500]}), flush=False)
sys.stdout.flush()
