"""What the atria do between the beats in atrial fibrillation and flutter."""

import numpy as np

from fairseq_signals.data.synthetic.dipole import project
from fairseq_signals.data.synthetic.patient import Patient
from fairseq_signals.data.synthetic.rhythm import Beats, flutter_cycle


def atrial_activity(patient: Patient, beats: Beats, time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """`[8, T]` mV of fibrillatory or flutter waves in I, II, V1 to V6; zeros in any other rhythm."""
    if patient.has("AF"):
        return fibrillatory_waves(patient, time, generator)
    return flutter_waves(patient, beats, time) if patient.has("AFL") else np.zeros((8, len(time)))


def fibrillatory_waves(patient: Patient, time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """`[8, T]` mV: irregular oscillation at 5 to 8 Hz, largest in V1, smaller in the inferior leads."""
    size = 0.035 + 0.05 * patient.flavour
    moment = np.array([[-0.25, 0.25, -0.9], [0.1, 0.5, 0.15]]) * size
    knots = np.linspace(time[0], time[-1], max(int((time[-1] - time[0]) * 3), 2))  # new speed, size each third
    waves = []
    for strength in (1.0, 0.7):
        speed = np.interp(time, knots, 5.2 + 1.8 * patient.flavour + generator.normal(0, 0.8, len(knots)))
        height = np.interp(time, knots, strength * np.exp(generator.normal(0, 0.4, len(knots))))
        phase = 2 * np.pi * (np.cumsum(speed) * (time[1] - time[0]) + generator.random())
        waves.append(height * (np.sin(phase) + 0.3 * np.sin(2 * phase + 1)))
    return project(moment).T @ np.stack(waves)


def flutter_waves(patient: Patient, beats: Beats, time: np.ndarray) -> np.ndarray:
    """`[8, T]` mV: a saw-tooth, slowly down and steeply up in II, III and aVF, upright in V1."""
    turn = flutter_cycle(patient)
    phase = ((time - beats.times[0] + 0.12) / turn) % 1.0
    # one harmonic series keeps the corners round as an ECG's bandwidth does
    orders = np.arange(1, 6)[:, None]
    tooth = (np.sin(2 * np.pi * orders * phase) / orders * np.exp(-orders / 4)).sum(0)
    moment = np.array([[-0.03, 0.16, -0.07]]) * (0.8 + 0.5 * patient.shape[10])
    bump = np.exp(-0.5 * ((phase - 0.5) / 0.13) ** 2)
    return project(moment).T @ tooth[None] + project(np.array([[0.0, 0.0, -0.08]])).T @ (bump - bump.mean())[None]
