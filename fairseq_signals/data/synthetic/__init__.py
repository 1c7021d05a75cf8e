"""Example data: 12-lead recordings of patients who do not exist, from a beating dipole, in real WFDB files.

They stand in for data so that every command can be tried and tested. They are no substitute for real ECGs.
"""

from fairseq_signals.data.synthetic.cohort import make_lvsd_cohort
from fairseq_signals.data.synthetic.example import make_example_data
from fairseq_signals.data.synthetic.recording import generate_patient
from fairseq_signals.data.synthetic.write import write_wfdb

__all__ = ["generate_patient", "make_example_data", "make_lvsd_cohort", "write_wfdb"]
