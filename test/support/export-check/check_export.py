"""Reads an export as its users do and prints what it found as JSON; exits 1 with the problems on standard error.

usage: check_export.py EXPORT_FOLDER
"""

import importlib.util
import json
import sys
import tempfile
import types
from pathlib import Path


def import_without_package_code(package: str, subpackages: list[str]) -> None:
    """Makes `package` importable without running its __init__, which would need dependencies that are not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed")
    root = Path(spec.submodule_search_locations[0])
    for name in [package, *subpackages]:
        module = types.ModuleType(name)
        module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module


def check_atif(folder: Path, problems: list[str]) -> int:
    """Validates every ATIF file with the models of Harbor, which defines the format."""
    import_without_package_code("harbor", ["harbor.models"])
    from harbor.models.trajectories import Trajectory
    from pydantic import ValidationError

    paths = sorted(folder.glob("atif/*/*.json"))
    for path in paths:
        try:
            Trajectory.model_validate_json(path.read_text())
        except ValidationError as error:
            problems.append(f"{path.relative_to(folder)}: {error}")
    return len(paths)


def check_data_sets(folder: Path, problems: list[str]) -> dict[str, dict[str, int]]:
    """Loads each configuration of the card with `datasets` and asks TRL what it makes of the rows."""
    import datasets

    stub = types.ModuleType("transformers")
    stub.PreTrainedTokenizerBase = stub.ProcessorMixin = object
    sys.modules["transformers"] = stub
    import_without_package_code("trl", [])
    from trl.data_utils import is_conversational

    card = datasets.get_dataset_config_names(str(folder))
    tables = {f"card:{config}": {"path": str(folder), "name": config} for config in card}
    for name in ("messages", "steps"):
        files = {"train": f"{name}.jsonl", "validation": f"{name}.validation.jsonl"}
        paths = {split: str(folder / file) for split, file in files.items() if (folder / file).exists()}
        tables[name] = {"path": "json", "data_files": paths}

    counts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, arguments in tables.items():
            # A cache of its own: two JSON Lines data sets were seen to share an entry of a common one.
            table = datasets.load_dataset(**arguments, cache_dir=str(Path(cache, name)))
            counts[name] = {split: rows.num_rows for split, rows in table.items()}
            for split, rows in table.items():
                wrong = [row["id"] for row in rows if not is_conversational(row)]
                if wrong:
                    problems.append(f"{name}/{split}: TRL does not take these rows for conversations: {wrong}")
    return counts


def main() -> None:
    folder = Path(sys.argv[1])
    problems: list[str] = []
    found = {"atif": check_atif(folder, problems), "rows": check_data_sets(folder, problems)}
    print(json.dumps(found))
    if problems:
        raise SystemExit("\n".join(problems))


main()
