"""A workspace: names to files, scaffolds, and the ledger of trials."""

from fadefollow.workspace.workspace import (
    NAME_RULE,
    Settings,
    Workspace,
    find_workspace,
    init_workspace,
    stock_root,
)

__all__ = [
    "NAME_RULE",
    "Settings",
    "Workspace",
    "find_workspace",
    "init_workspace",
    "stock_root",
]
