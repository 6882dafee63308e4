"""Why a file is not there, and which may be meant: its name in other case, Unicode form, spaces or extension."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from multiweight.records import cells

_PHOTO = re.compile(r"(?i)\.(jpe?g|png|webp|avif|bmp|gif|tiff?|jp2|p[bgpn]m)$")


class AlikeNames:
    """The names of a list by their other spellings."""

    def __init__(self, names: Iterable[str]):
        self._by_key: dict[str, str] = {}
        names = sorted(names)
        # A name that is alike as a whole comes before one with another extension.
        for key in (_key, _stem):
            for name in names:
                self._by_key.setdefault(key(name), name)

    def of(self, name: str) -> str:
        """The name in the list that ``name`` may mean, or an empty string."""
        for key in (_key(name), _key(unquote(name)), _stem(name)):
            found = self._by_key.get(key, "")
            if found and found != name:
                return found
        return ""


def _key(name: str) -> str:
    return cells.tidy(name.replace("\\", "/")).casefold()


def _stem(name: str) -> str:
    return _PHOTO.sub("", _key(name)) + ".*"


def difference(name: str, found: str) -> str:
    """How to say that ``found`` is there in place of ``name``."""
    if unicodedata.normalize("NFC", name) != unicodedata.normalize("NFC", found):
        return f"there is {found!r}"
    form = "NFD" if unicodedata.normalize("NFD", found) == found else "another form"
    return f"the name is there in {form} of Unicode, which looks the same: write it so, or rename it"


class AbsentFiles:
    """Reasons for files that are missing below a folder; each is listed once, however many of its files are missing."""

    def __init__(self, root: str):
        self._root = root
        self._listed: dict[str, AlikeNames] = {}

    def reason(self, path: str, what: str = "file") -> str:
        """``no such file``, and what is there in its place; ``path`` below the root, ``what`` it should be."""
        if re.search("(^|/)https?:/", path):
            return f"no such {what}: an address in the web: fetch the photo, and name its file"
        if os.path.isdir(path):
            return f"a folder: expected a {'photo' if what == 'file' else what}"
        if os.path.exists(path):
            return "not an ordinary file"
        folder, name = os.path.split(path)
        while not os.path.isdir(folder) and len(folder) > len(self._root):
            folder, name = os.path.split(folder)
        if "\\" in name and os.path.exists(os.path.join(folder, name.replace("\\", "/"))):
            return f"no such {what}: folders are separated by /, not \\"
        if folder not in self._listed:
            try:
                self._listed[folder] = AlikeNames(os.listdir(folder))
            except OSError:
                self._listed[folder] = AlikeNames(())
        found = self._listed[folder].of(name)
        return f"no such {what}; {difference(name, found)}" if found else f"no such {what}"
