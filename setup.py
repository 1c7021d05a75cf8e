"""Installation of fairseq-signals; exact versions that are tested together stand in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

# What recorders export: DICOM, Philips, and (heavy) SCP-ECG and others.
VENDORS = ["pydicom>=3.0", "sierraecg", "ecgdatakit>=2.0", "defusedxml"]
DASK = ["dask[distributed]"]  # preparation on an existing cluster
SLURM = ["hydra-submitit-launcher"]  # scripts/experiments.py run --launcher submitit_slurm

setup(
    name="fairseq-signals",
    version="0.2.0",
    description="Self-supervised learning from ECGs: a plug-in for fairseq",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["fairseq_signals", "fairseq_signals.*"]),
    package_data={"fairseq_signals": ["**/*.tsv"]},
    install_requires=[
        "fairseq-fixed==0.12.3.1",
        "hydra-core>=1.3",
        "omegaconf",
        "torch>=2.6",
        "numpy>=2.0",
        "scipy",
        "wfdb>=4.3",
        "soundfile",
        "h5py",
        "pandas",
        "openpyxl",
        "requests",
        "scikit-learn",
        "joblib",
        "tqdm",
        "pyyaml",
        "matplotlib",
        "pytest",
    ],
    extras_require={
        "vendors": VENDORS,
        "dask": DASK,
        "slurm": SLURM,
        "test": ["pytest-xdist", "pytorch-metric-learning", "ruff", *VENDORS, *DASK, *SLURM],
    },
)
