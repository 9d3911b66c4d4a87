"""Helm's post-renderer of the tests: leaves out objects of kinds that the server does not serve."""
import pathlib
import sys

import yaml

served = set(pathlib.Path(sys.argv[1]).read_text().split())
kept, left = [], set()
for document in filter(None, yaml.safe_load_all(sys.stdin)):
    kind = f"{document['kind']}.{document['apiVersion'].rpartition('/')[0]}"
    if kind in served:
        kept.append(document)
    else:
        left.add(kind)
pathlib.Path(sys.argv[2]).write_text("\n".join(sorted(left)))
print(yaml.safe_dump_all(kept, sort_keys=False))
