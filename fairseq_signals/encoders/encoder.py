"""What every encoder promises.

Conventions: signals are `[B, L, T]`, already preprocessed (see `modules.preprocess`); `lengths` are the numbers
of valid samples per window, or None where no window is padded, which spares masks and their cost.

An encoder works in three steps so that objectives can step in between:
`local` turns the signal into frames, `tokens` projects them (and adds absolute positions, where an encoder has
them), `context` relates the tokens to one another. Masking replaces tokens (wav2vec 2.0), dropping removes them
before `context` (MAE), prediction goes from `context` to later `local` frames (CPC). Positions that are computed
*from* the tokens, such as a convolutional position embedding, belong to `context`: computed earlier they would
carry masked content to the neighbours.

The embedding is made in two halves, `activation_maps` and `embedding_of_maps`, between which Grad-CAM takes its
gradient.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from fairseq_signals.modules.pooling import mean_pool, valid_frames


class Encoder(nn.Module):
    """Base of all encoders.

    Attributes:
        Settings: dataclass with every setting; has at least `input_rate` (Hz) and `input_leads`.
        provides: what objectives may ask for: "frames" (several frames per window), "masking" (tokens may be
            replaced), "dropping" (`context` takes `kept`), "causal" (a frame's context never sees later frames),
            "patches" (local frames are the samples themselves, which `signal_of` puts back into leads and time).
        local_dim, dim, embedding_dim: widths of `local`, of tokens and context, and of `pool`.
    """

    Settings: type
    provides: frozenset[str] = frozenset()
    local_dim: int
    dim: int
    embedding_dim: int

    def __init__(self, settings):
        super().__init__()
        self.settings = settings

    @property
    def rate(self) -> float:
        """Samples per second (Hz) of the signals that the encoder is made for."""
        return self.settings.input_rate

    @property
    def leads(self) -> int:
        """Number of input leads."""
        return self.settings.input_leads

    def require(self, needs: Iterable[str], by: str):
        """Refuses an objective that needs what this encoder does not provide.

        Raises:
            ValueError: names the encoder, what it provides and what is missing.
        """
        missing = sorted(set(needs) - self.provides)
        if missing:
            raise ValueError(
                f"{by} needs an encoder that provides {', '.join(sorted(needs))}; {type(self).__name__} "
                f"provides {', '.join(sorted(self.provides)) or 'none of them'} (missing {', '.join(missing)})"
            )

    def frame_counts(self, lengths: Tensor) -> Tensor:
        """The length rule: how many frames `[B]` lie wholly inside `lengths` `[B]` valid samples."""
        raise TypeError(f"{type(self).__name__} must define frame_counts")

    def frame_mask(self, size: int, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor | None:
        """Which of `size` frames hold signal: boolean `[B, size]`, None where all do.

        Args:
            size: number of frames of the batch, valid or not.
            lengths: valid samples `[B]`.
            present: boolean `[B, L]`, leads that are there; of no interest to an encoder whose frames mix the leads.
        """
        return None if lengths is None else valid_frames(self.frame_counts(lengths), size)

    def local(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Frames `[B, F, D_local]` of a signal `[B, L, T]`."""
        raise TypeError(f"{type(self).__name__} must define local")

    def signal_of(self, local: Tensor) -> Tensor:
        """The signal `[B, L, T]` of local frames that are the samples themselves ("patches")."""
        raise TypeError(f"{type(self).__name__} must define signal_of to provide patches")

    def tokens(self, local: Tensor) -> Tensor:
        """Tokens `[B, F, D]`; an encoder without a projection returns the frames themselves."""
        return local

    def context(self, tokens: Tensor, kept: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        """Contextual frames `[B, F', D]`; the identity for encoders that end with their frames.

        Args:
            tokens: `[B, F, D]`.
            kept: indices `[B, F']` of the tokens that remain, where the encoder provides "dropping".
            frames: number of valid frames `[B]`, which come first (in each row of `kept`, where it is given); the
                others neither attend nor are attended to.
        """
        return tokens

    def pool(self, context: Tensor, frames: Tensor | None = None) -> Tensor:
        """One embedding `[B, E]` per window: the mean over its valid frames unless an encoder says otherwise."""
        return mean_pool(context, frames)

    def parts(self) -> dict[str, list[nn.Module]]:
        """The modules of stem, body and head, for layer-wise learning rates."""
        raise TypeError(f"{type(self).__name__} must define parts")

    def activation_maps(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Maps `[B, D, G, F]` for Grad-CAM: G groups of leads (1 where leads are mixed) times F frames."""
        frames = None if lengths is None else self.frame_counts(lengths)
        context = self.context(self.tokens(self.local(signal, lengths)), frames=frames)
        return context.transpose(1, 2).unsqueeze(2)

    def embedding_of_maps(self, maps: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]` of what `activation_maps` gave for the same `lengths` and `present`."""
        frames = None if lengths is None else self.frame_counts(lengths)
        return self.pool(maps.squeeze(2).transpose(1, 2), frames)

    def forward(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]` of windows.

        Args:
            signal: `[B, L, T]`.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that are there. An encoder with tokens of single leads drops those of the
                others; one that mixes leads takes the zeros that stand in their place.
        """
        return self.embedding_of_maps(self.activation_maps(signal, lengths, present), lengths, present)
