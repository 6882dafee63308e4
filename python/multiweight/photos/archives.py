"""Photos in zip archives: each archive opened once, and a reason for whatever of it cannot be read."""

from __future__ import annotations

import os
import threading
import unicodedata
import zipfile

from multiweight.photos.alike_names import AbsentFiles, AlikeNames
from multiweight.photos.decoding import UnreadableImage

# Read in pieces so small that no compressed one becomes more than some hundred megabytes.
_PIECE = 4096
# What names without the mark of UTF-8 are written in: Windows of China, Japan and Korea; and UTF-8 all the same.
_ENCODINGS = ("utf-8", "gbk", "big5", "shift_jis", "euc_kr")


class Archives:
    """Archives by their paths, and their members by name; ``most`` bytes per member. Safe to share by threads."""

    def __init__(self, most: int, absent: AbsentFiles):
        self.most = most
        self._absent = absent
        self._lock = threading.Lock()
        self._open: dict[str, zipfile.ZipFile | UnreadableImage] = {}
        self._alike: dict[str, dict[str, str]] = {}
        self._names: dict[str, AlikeNames] = {}

    def close(self) -> None:
        """Close them all."""
        for archive in self._open.values():
            if isinstance(archive, zipfile.ZipFile):
                archive.close()
        self._open.clear()

    def size_and_crc(self, path: str, member: str) -> tuple[int, int]:
        """The bytes of a member and their CRC-32, as the archive's list says; UnreadableImage with the reason."""
        info = self._member(self._archive(path), path, member)
        return info.file_size, info.CRC

    def read(self, path: str, member: str) -> bytes:
        """A member's bytes; UnreadableImage with the reason."""
        archive = self._archive(path)
        info = self._member(archive, path, member)
        data = bytearray()
        try:
            with archive.open(info) as file:
                while len(data) <= self.most:
                    piece = file.read(_PIECE)
                    if not piece:
                        return bytes(data)
                    data += piece
        except Exception as error:  # each compression fails in its own way: zlib.error, LZMAError, EOFError, ...
            raise UnreadableImage(f"cannot be read ({_said(error)})") from None
        raise UnreadableImage(f"more than {self.most} bytes")

    def _archive(self, path: str) -> zipfile.ZipFile:
        with self._lock:
            if path not in self._open:
                self._open[path] = opened(path, self._absent)
            archive = self._open[path]
        if isinstance(archive, UnreadableImage):
            raise archive
        return archive

    def _member(self, archive: zipfile.ZipFile, path: str, member: str) -> zipfile.ZipInfo:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise UnreadableImage(f"not in {os.path.basename(path)}{self._meant(archive, path, member)}") from None
        if info.is_dir():
            raise UnreadableImage(f"a folder of {os.path.basename(path)}: expected a photo")
        if info.file_size > self.most:
            raise UnreadableImage(f"more than {self.most} bytes")
        return info

    def _meant(self, archive: zipfile.ZipFile, path: str, member: str) -> str:
        """How the archive writes a name that it seems to lack, for the reason; or nothing."""
        with self._lock:
            if path not in self._alike:
                self._alike[path] = _spellings(archive)
        there = self._alike[path].get(unicodedata.normalize("NFC", member))
        if there is None:
            if path not in self._names:
                self._names[path] = AlikeNames(archive.namelist())
            found = self._names[path].of(member)
            there = repr(found) if found else None
        return f"; its list has {there}" if there else ""


def opened(path: str, absent: AbsentFiles) -> zipfile.ZipFile | UnreadableImage:
    """The archive at ``path``, or why it cannot be read."""
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        return UnreadableImage(absent.reason(path, "archive"))
    except IsADirectoryError:
        return UnreadableImage("a folder: expected a zip archive")
    except Exception as error:  # its list of members may hold anything
        return UnreadableImage(f"the archive cannot be read ({_said(error)})")


def _spellings(archive: zipfile.ZipFile) -> dict[str, str]:
    """Other spellings of the members' names -> how they stand there."""
    spellings: dict[str, str] = {}
    for info in archive.infolist():
        name = info.filename
        if name.isascii():
            continue
        if unicodedata.normalize("NFC", name) != name:
            spellings.setdefault(unicodedata.normalize("NFC", name), "the name in NFD of Unicode, which looks the same")
        if not info.flag_bits & 0x800:
            for encoding in _ENCODINGS:
                try:
                    meant = name.encode("cp437").decode(encoding)
                except UnicodeError:
                    continue
                advice = "unpack it, and pack it anew with UTF-8 names"
                spellings.setdefault(unicodedata.normalize("NFC", meant), f"the name in {encoding.upper()}: {advice}")
    return spellings


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
