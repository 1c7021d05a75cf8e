import numpy as np
import pytest
import torch

from fairseq_signals.transforms.interpolation import at_positions


def test_each_lead_is_read_off_as_numpy_interpolates():
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(5, 3, 40, generator=generator)
    position = 45 * torch.rand(5, 60, generator=generator) - 3  # some lie outside on either side
    found = at_positions(signal, position)
    for row in range(5):
        for lead in range(3):
            expected = np.interp(position[row].numpy(), np.arange(40), signal[row, lead].numpy())
            np.testing.assert_allclose(found[row, lead].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 2, 5000])
def test_at_whole_numbers_the_samples_themselves_come_out(samples):
    signal = torch.randn(2, 4, samples, generator=torch.Generator().manual_seed(0))
    place = torch.arange(samples).expand(2, -1)
    assert torch.equal(at_positions(signal, place.float()), signal)
    assert torch.equal(at_positions(signal, place.double()), signal)
