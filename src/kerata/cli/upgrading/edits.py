"""Changes of a source at the places that its syntax tree names; all else stays as it is, comments and layout included."""

import ast


class Source:
    """A program's text, and what is to be changed in it.

    Args:
        text: the program.
    """

    def __init__(self, text: str):
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._edits: list[tuple[int, int, str]] = []

    def place(self, line: int, column: int) -> int:
        """Where a place of the tree is in the text: columns of the tree count bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """(begin, end) of a node."""
        begin = self.place(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return begin, self.place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def of(self, node: ast.AST) -> str:
        """The text of a node as it was written."""
        begin, end = self.span(node)
        return self.text[begin:end]

    def replace(self, node: ast.AST, text: str) -> None:
        """Puts a text in the place of a node."""
        self.put(*self.span(node), text)

    def put(self, begin: int, end: int, text: str) -> None:
        """Puts a text in the place of what stands from `begin` to `end`."""
        if self.text[begin:end] != text:
            self._edits.append((begin, end, text))

    def put_over(self, node: ast.AST, text: str) -> None:
        """Puts a text in the place of a node, and of all changes within it."""
        self.put_over_span(*self.span(node), text)

    def put_over_span(self, begin: int, end: int, text: str) -> None:
        """Puts a text in the place of what stands from `begin` to `end`, and of all changes there."""
        if self.changed(begin, end) != text:
            self._edits = [edit for edit in self._edits if not begin <= edit[0] <= edit[1] <= end]
            self.put(begin, end, text)

    def changed(self, begin: int = 0, end: int | None = None) -> str:
        """The text, or a part of it, with all changes that lie in it."""
        end = len(self.text) if end is None else end
        pieces, at = [], begin
        for first, last, text in sorted(self._edits):
            if first >= at and last <= end:
                pieces += [self.text[at:first], text]
                at = last
        return "".join([*pieces, self.text[at:end]])

    def of_changed(self, node: ast.AST) -> str:
        """The text of a node with the changes in it."""
        return self.changed(*self.span(node))
