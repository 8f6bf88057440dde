"""Images and arrays that somebody else made: payloads, bombs, programs in a picture's clothes."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
import torch
from automl_vision.fashion_mnist import FILES, FashionMNIST
from automl_vision.files import read_images
from automl_vision.models import timm_model
from PIL import Image

from automl.errors import UsageError
from automl.testing.hostile import Payload, unexecuted

SHAPE = (1, 8, 8)


@pytest.fixture
def marker(tmp_path):
    with unexecuted(tmp_path) as path:
        yield path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height):
    """A picture that says it is so large; unpacked it would be."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def npy(header, data=b""):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


class TestPictures:
    @pytest.mark.parametrize("side", [9_500, 14_000, 60_000, 2**31 - 1])
    def test_a_bomb(self, side, tmp_path, recwarn):
        (tmp_path / "bomb.png").write_bytes(png(side, side))
        with pytest.raises(UsageError, match="neither a picture nor"):
            read_images(tmp_path / "bomb.png", SHAPE)
        assert not recwarn.list

    def test_a_picture_for_which_a_program_would_be_started(self, marker, tmp_path, monkeypatch):
        """EPS is a program, which Pillow has Ghostscript run."""
        program = tmp_path / "bin" / "gs"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\ntouch {marker}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        path = tmp_path / "a.png"
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
        monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
        with Image.open(path) as opened, contextlib.suppress(OSError):
            opened.load()
        assert marker.exists()  # as Pillow would have it
        marker.unlink()
        with pytest.raises(UsageError, match="neither a picture nor"):
            read_images(path, SHAPE)

    def test_a_pickle_in_any_clothes(self, marker, tmp_path):
        data = pickle.dumps(Payload(marker))
        made = io.BytesIO()
        np.save(made, np.array([Payload(marker)], dtype=object), allow_pickle=True)
        packed = io.BytesIO()
        np.savez(packed, a=np.array([Payload(marker)], dtype=object))
        for name, content in [
            ("a.png", data), ("b.npy", data), ("c.npy", made.getvalue()), ("d.npy", packed.getvalue()), ("e.pt", data)
        ]:  # fmt: skip
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UsageError):
                read_images(tmp_path / name, SHAPE)

    @pytest.mark.parametrize(
        "header",
        [
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 8, 8)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 8, 8)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': __import__('os').system('x'), 'fortran_order': False, 'shape': (1,)}",
            "{" * 100,
            "{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 60 + "}",
        ],
    )
    def test_an_array_whose_header_lies(self, header, tmp_path):
        (tmp_path / "a.npy").write_bytes(npy(header, b"\0" * 64))
        with pytest.raises(UsageError):
            read_images(tmp_path / "a.npy", SHAPE)


class TestFashionMNIST:
    @pytest.mark.parametrize("dims", [(2**31, 2**31, 2**31), (60_000, 28, 28), (0, 0, 0), (1, 1, 1)])
    def test_headers_that_lie(self, dims, tmp_path):
        raw = tmp_path / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for name in FILES:
            (raw / name).write_bytes(
                struct.pack(">BBBB3I", 0, 0, 8, 3, *(number % 2**32 for number in dims)) + b"\0" * 9
            )
        with pytest.raises(UsageError):
            FashionMNIST().variant(f"@{tmp_path}").spec()

    def test_old_files_that_would_be_unpickled(self, marker, tmp_path):
        """torchvision still looks for the files of its first versions, and takes them before all others."""
        raw, old = tmp_path / "FashionMNIST" / "raw", tmp_path / "FashionMNIST" / "processed"
        for folder in (raw, old):
            folder.mkdir(parents=True)
        for name in FILES:
            (raw / name).write_bytes(b"")
        for name in ("training.pt", "test.pt"):
            torch.save((Payload(marker), Payload(marker)), old / name)
        with pytest.raises(UsageError, match="is damaged"):
            FashionMNIST().variant(f"@{tmp_path}").spec()


@pytest.mark.parametrize("name", ["hf-hub:evil/model", "hf_hub:evil/model", "local-dir:/tmp/evil", "../evil", "evil"])
def test_a_model_is_one_of_timms_own(name):
    """timm's names may also mean a folder or a repository, from which it would load what it finds."""
    with pytest.raises(UsageError, match="timm knows no model"):
        timm_model(name, 1, 10, 32)
