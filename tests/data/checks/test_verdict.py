from fairseq_signals.data.checks.verdict import Verdict, joined, lenient
from fairseq_signals.data.item import Item, Reject

A, B = Item("a.hea", "a"), Item("b.hea", "b")
ONE = Verdict([Reject(A, "leads exchanged", "first")], {"b": ["odd"]}, {"x": 1}, ["line"], "it is wrong")
OTHER = Verdict(
    [Reject(A, "wrong unit", "second"), Reject(B, "wrong unit", "third")], {"b": ["too"]}, {"y": 2}, ["more"]
)


def test_a_recording_is_rejected_once_for_the_first_reason():
    both = joined([ONE, OTHER])
    assert [(reject.item.id, reject.message) for reject in both.rejects] == [("a", "first"), ("b", "third")]
    assert both.warnings == {"b": ["odd", "too"]} and both.card == {"x": 1, "y": 2}
    assert both.lines == ["line", "more"] and both.refusal == "it is wrong"
    assert joined([ONE, ONE]).refusal == "it is wrong; moreover, it is wrong"
    assert joined([OTHER]).refusal is None and joined([]) == joined([Verdict()])


def test_a_lenient_verdict_warns_where_it_would_reject_and_refuse():
    kept = lenient(joined([ONE, OTHER]))
    assert not kept.rejects and kept.refusal is None and kept.card == {"x": 1, "y": 2}
    assert kept.warnings == {"a": ["first"], "b": ["third", "odd", "too"]}
    assert kept.lines == ["kept against the rule that it is wrong", "line", "more"]
