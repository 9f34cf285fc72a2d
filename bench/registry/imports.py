"""What a module imports, read from its syntax tree without running it."""

import ast
from collections.abc import Callable, Iterable, Iterator


def names(node: ast.AST, home: str) -> Iterator[str]:
    """Modules that an import statement may import; nothing of any other node.

    Args:
        node: of the tree.
        home: the package that its file lies in, for relative imports.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = home.split(".")
        base = parents[: len(parents) - node.level + 1] if node.level else []
        module = ".".join([*base, *filter(None, [node.module])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)  # a name, or a module


def at_import(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that run when the module is imported: none of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.Lambda) and not _type_checking(child):
            yield from at_import(child)


def reached(start: Iterable[str], imports: Callable[[str], Iterable[str]]) -> set[str]:
    """The modules of ``start``, and those that they import, directly or through others."""
    found: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += imports(name)
    return found


def _type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )
