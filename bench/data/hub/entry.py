"""What the catalogue says of a data set of the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A data set, and how its rows become a task's.

    Args:
        name: what users call it; ``name@<40 hex digits>`` is the same files at another commit.
        task: the offline task that it stands beside.
        head, metric, expected, lengths, labels, solved: as a task file says them.
        repo: ``owner/name`` on the hub.
        revision: 40 hexadecimal digits; None where no commit is known for certain.
        files: our split -> pattern of its Parquet files; a star stands for no slash.
        cut: splits that the set has not (with labels), each a tenth of train by hash.
        columns: column -> what it holds: ``string``, ``integer``, ``number``, ``strings``,
            ``integers``, ``image``, ``translation`` or ``answers``.
        fields: part of a row -> the column it is read from, ``.`` leading into a column.
        classes: column of classes -> their names, in order.
        group: column whose equal rows stay in one split where splits are cut; else the text.
        floor: what the best guess without looking is, in words.
        target_length, query_length: tokens of what stands beside the window.
        about: what a reader of results should know of the rows.
        sha256: file -> its hash, known beforehand.
    """

    name: str
    task: str
    head: str
    metric: str
    floor: str
    expected: str
    lengths: tuple[int, int]
    repo: str
    revision: str | None
    files: Mapping[str, str]
    columns: Mapping[str, str]
    fields: Mapping[str, str]
    about: str
    cut: tuple[str, ...] = ()
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    group: str | None = None
    solved: float | None = None
    target_length: int | None = None
    query_length: int | None = None
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def found(self) -> bool:
        """Whether a row is to be found among all others, so that none may be there twice."""
        return self.head == "AutoModel" or (self.head == "AutoProcessor" and not self.labels)
