"""Vendors' files in their original forms, written from the formats' descriptions and by no library under test."""

from tests.data.readers._aecg_files import aecg
from tests.data.readers._dicom_files import dicom
from tests.data.readers._muse_files import muse
from tests.data.readers._philips_files import philips
from tests.data.readers._scp_files import scp

WRITERS = {"muse": muse, "philips": philips, "scp": scp, "aecg": aecg, "dicom": dicom}
