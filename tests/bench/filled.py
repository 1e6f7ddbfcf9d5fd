"""Configuration files with names between two @, and what they are filled with."""
import re

from processes import HERE


def filled(folder, name, values):
    """Writes the bench's file `name` into `folder` with its names filled in; its path there."""
    text = re.sub(r"@([A-Z_]+)@", lambda match: str(values[match[1]]), (HERE / name).read_text())
    path = folder / name
    path.write_text(text)
    return path
