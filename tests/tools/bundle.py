"""Makes an OCI bundle's config.json of an image's settings, for image.sh.

Usage: bundle.py FOLDER [-e VAR=VALUE | -v SOURCE:TARGET | -w TARGET]... [-- ARG...] <CONFIG-OF-THE-IMAGE
Read-only root, no capability, no new privileges, the image's user; -v mounts a folder read only, -w gives it a writable one.
"""
import json
import pathlib
import sys

file = pathlib.Path(sys.argv[1]) / "config.json"
image, spec, words = json.load(sys.stdin), json.loads(file.read_text()), sys.argv[2:]
process = spec["process"]
user, group = map(int, image["User"].split(":"))
process.update(terminal=False, user={"uid": user, "gid": group}, noNewPrivileges=True, capabilities={}, cwd=image.get("WorkingDir") or "/",
               env=list(image["Env"]), args=None)
spec["root"]["readonly"] = True
spec["linux"]["namespaces"] = [entry for entry in spec["linux"]["namespaces"] if entry["type"] != "network"]
# With the machine's network its own names.
for name in ("/etc/hosts", "/etc/resolv.conf"):
    spec["mounts"].append({"destination": name, "type": "bind", "source": name, "options": ["bind", "ro"]})
while words and words[0] != "--":
    option, value, *words = words
    if option == "-e":
        process["env"].append(value)
    elif option == "-v":
        source, target = value.split(":")
        spec["mounts"].append({"destination": target, "type": "bind", "source": source, "options": ["bind", "ro"]})
    elif option == "-w":
        spec["mounts"].append({"destination": value, "type": "tmpfs", "source": "tmpfs", "options": [f"uid={user}", f"gid={group}"]})
    else:
        sys.exit(f"bundle.py: {option}")
process["args"] = image["Entrypoint"] + (words[1:] or image.get("Cmd") or [])
file.write_text(json.dumps(spec))
