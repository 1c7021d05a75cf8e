"""A cohort with every kind of patient, and what is known of it counted with plain loops."""

from collections import defaultdict

import numpy as np
import pytest

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort


@pytest.fixture(scope="session")
def cohort():
    """3,000 patients of five institutions with one to four recordings; a tenth cases, some of both kinds or unknown."""
    generator = np.random.default_rng(0)
    patients, states, institutions = [], [], []
    for number in range(3000):
        sick, told = generator.random() < 0.1, generator.random() < 0.93
        for _ in range(generator.integers(1, 5)):
            patients.append(f"p{number}")
            institutions.append(str(1 + number % 5))
            known = told and generator.random() < 0.9
            states.append((CASE if sick and generator.random() < 0.8 else CONTROL) if known else UNKNOWN)
    order = generator.permutation(len(patients))
    return Cohort(
        [patients[place] for place in order], np.array(states)[order], [institutions[place] for place in order]
    )


@pytest.fixture(scope="session")
def state_of(cohort):
    """State of each patient: case where any recording is one, else control where any is known."""
    seen = defaultdict(set)
    for patient, state in zip(cohort.patients, cohort.states.tolist(), strict=True):
        seen[patient].add(state)
    return {patient: min(states, key=(CASE, CONTROL, UNKNOWN).index) for patient, states in seen.items()}


@pytest.fixture(scope="session")
def people_of(cohort):
    """Patients of the recordings at some places."""
    return lambda places: {cohort.patients[place] for place in places}
