"""The typer commands behind the table of tree.py: built one by one, when they are named."""

from __future__ import annotations

from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mgov.cli import tree
from mgov.cli.options import Context, Facts, facts_of, shared_options
from mgov.cli.panels import root_help
from mgov.cli.session import Session
from mgov.errors import UsageError
from mgov.model.names import suggest

_CLICK_USAGE: Any = typer.BadParameter.__mro__[1]           # typer keeps its click to itself; this is its UsageError


class Command(TyperCommand):
    """One command: its own parameters, then the global ones; help opens with an example.

    `path` is its row; one with rows below it (`graph`, `graph cycles`) answers by itself where none of them is named.
    """

    context_class = Context
    facts = Facts()
    shared: list[TyperOption] = []
    path = ""

    def adopt(self, facts: Facts) -> None:
        """Take what the function says of itself and add the global options."""
        self.facts = facts
        for param in self.params:
            if param.param_type_name == "argument" and param.metavar is None:
                param.metavar = (param.name or "").upper()
        taken = {flag for param in self.params for flag in (*param.opts, *param.secondary_opts)}
        self.shared = shared_options(taken, facts, _show_help)
        self.params = [*self.params, *self.shared]

    @property
    def takes_words(self) -> bool:
        """Whether a word that is no option may follow."""
        return any(param.param_type_name == "argument" for param in self.params)

    def word_in(self, args: list[str]) -> int | None:
        """Where the first word that is neither an option nor an option's value stands, if rows stand below this one."""
        if not tree.children(self.path):
            return None
        valued = {flag for p in self.params if isinstance(p, TyperOption) and not p.is_flag for flag in p.opts}
        is_value = False
        for place, word in enumerate(args):
            if not is_value and not word.startswith("-"):
                return place
            is_value = not is_value and word in valued
        return None

    def is_after_unknown(self, args: list[str], place: int) -> bool:
        """Whether an option that this command has not stands before `place`: it is what was mistyped, not the word."""
        flags = {flag for param in self.params for flag in (*param.opts, *param.secondary_opts)}
        return any(word.startswith("--") and word.partition("=")[0] not in flags for word in args[:place])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, then settle what the session will do; a usage error still knows which output was asked for."""
        asked = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except _CLICK_USAGE as error:
            error.ctx = error.ctx or ctx
            _glean_output(self, ctx, asked)
            raise
        session: Session = ctx.obj
        if session.has_child and not self.facts.takes_child:
            raise UsageError(f"{ctx.command_path} takes no command after --", hint=f"{ctx.command_path} --help")
        session.out.settle(self.facts.formats, (*self.facts.columns, *self.facts.watch_columns))
        session.start_deadline()
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] NAME [URL]`, and `[-- COMMAND]` where a child may follow."""
        pieces = ["[OPTIONS]"]
        for param in self.params:
            if param.param_type_name == "argument":
                name = param.metavar or ""
                name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
                name += "..." if param.nargs == -1 else ""
                pieces.append(name if param.required else f"[{name}]")
        return [*pieces, "[-- COMMAND]"] if self.facts.takes_child else pieces

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """The example lines, then the description."""
        if self.facts.examples:
            formatter.write_paragraph()
            formatter.write_heading("Example" if len(self.facts.examples) == 1 else "Examples")
            for line in self.facts.examples:
                formatter.write(f"  {line}\n")
        super().format_help_text(ctx, formatter)
        if self.facts.columns:
            names = ", ".join(c.name + (" (wide)" if c.is_wide_only else "") for c in self.facts.columns)
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"Columns: {names}")
                if self.facts.watch_columns:
                    changes = ", ".join(c.name for c in self.facts.watch_columns)
                    formatter.write_text(f"Columns of a change that --watch prints: {changes}")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, the command's own options, the global ones."""
        own = [p for p in self.params if p not in self.shared]
        for title, params in (
            ("Arguments", [p for p in own if p.param_type_name == "argument"]),
            ("Options", [p for p in own if p.param_type_name == "option"]),
            ("Global options", self.shared),
        ):
            records = [r for r in (p.get_help_record(ctx) for p in params) if r is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if rows := tree.children(self.path):
            with formatter.section("Commands"):
                formatter.write_dl([(entry[0].rpartition(" ")[2], entry[3]) for entry in rows])


class Group(TyperGroup):
    """The root, or a group such as `store`: rows of the table under a common prefix."""

    context_class = Context
    path = ""

    def list_commands(self, _ctx: Any) -> list[str]:
        """The names of the visible rows below."""
        return [entry[0].rpartition(" ")[2] for entry in tree.children(self.path)]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Build the command of that name, importing its module only; None when there is none."""
        return build(f"{self.path} {cmd_name}".strip())

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The named command, or a UsageError with a suggestion."""
        found = self.get_command(ctx, args[0])
        if found is None:
            raise unknown_command(ctx.obj, self.path, args[0], args[1] if args[1:] else "")
        if isinstance(found, Command) and (place := found.word_in(args[1:])) is not None:
            path = f"{self.path} {args[0]}".strip()
            inner = build(f"{path} {args[1:][place]}")
            if inner is None and not found.takes_words and not found.is_after_unknown(args[1:], place):
                raise unknown_command(ctx.obj, path, args[1:][place])
            if inner is not None:
                return f"{args[0]} {args[1:][place]}", inner, [*args[1:][:place], *args[1:][place + 1 :]]
        return args[0], found, args[1:]

    def invoke(self, ctx: Any) -> Any:
        """Run the named command; without one, print the help."""
        answer = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            ctx.obj.out.write(ctx.get_help() + "\n")
            return 0
        return answer

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The five panels for the root, the list of commands for a group."""
        if self.path:
            super().format_help(ctx, formatter)
        else:
            out = ctx.obj.out
            formatter.write(root_help(is_bold=out.has_color(out.stdout)))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The group's commands with the table's help lines; nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry[0].rpartition(" ")[2], entry[3]) for entry in tree.children(self.path)])


def unknown_command(session: Session, group: str, word: str, behind: str = "") -> UsageError:
    """The error for a command that is not there, with the one most likely meant; `behind` is the word after it."""
    from mgov.cli.guesses import about_one, meant

    found = about_one(group, word) if session.knows_service(word) else None
    found = found or meant(group, word, behind)
    if found is None:
        near = suggest(word, [entry[0].rpartition(" ")[2] for entry in tree.children(group)])
        elsewhere = (e[0] for e in tree.COMMANDS if e[2] and e[1] and e[0].rpartition(" ")[2] == word)
        found = f"{group} {near}".strip() if near else next(elsewhere, None)
    hint = f"did you mean: mgov {found}" if found else f"mgov {group} --help".replace("  ", " ")
    return UsageError(f"no such command: {f'{group} {word}'.strip()}", hint=hint)


def build(name: str) -> Command | Group | None:
    """The typer command of a row of the table ('' is the root), or None when there is no such row."""
    entry = tree.find(name) if name else ("", "", "", "")
    if entry is None:
        return None
    if not entry[1]:
        return _group(name, entry[3])
    function: Any = tree.load(entry[1])
    # typer evaluates annotations that are text twice over: for many options that is half of a build's time.
    function.__annotations__ = get_type_hints(function, include_extras=True)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name.rpartition(" ")[2], cls=Command, add_help_option=False)(function)
    made = typer.main.get_command(app)
    assert isinstance(made, Command)
    made.path = name
    made.adopt(facts_of(function))
    return made


def _group(name: str, text: str) -> Group:
    group = Group(
        name=name.rpartition(" ")[2] or "mgov",
        help=text,
        invoke_without_command=True,
        add_help_option=False,
        rich_markup_mode=None,
    )
    group.path = name
    group.params = [*shared_options(set(), Facts(), _show_help)]
    if not name:
        group.params.append(
            TyperOption(
                param_decls=["global_version", "--version"], type=bool, is_flag=True, default=None,
                is_eager=True, expose_value=False, callback=_show_version, help="Print the version",
            )
        )
    return group


def run(args: list[str], session: Session) -> Any:
    """Parse `args`, run the command they name and return its answer; click's usage errors come out as ours."""
    root = build("")
    assert root is not None
    try:
        with root.make_context("mgov", args, obj=session) as ctx:
            return root.invoke(ctx)
    except typer.Exit as done:
        return done.exit_code
    except _CLICK_USAGE as error:
        raise _ours(error) from error


def _show_help(ctx: Context, _param: Any, value: Any) -> None:
    if value:
        ctx.obj.out.write(ctx.get_help() + "\n")
        raise typer.Exit(0)


def _show_version(ctx: Context, _param: Any, value: Any) -> None:
    if value:
        from mgov import __version__

        ctx.obj.out.write(__version__ + "\n")
        raise typer.Exit(0)


def _glean_output(command: Command, ctx: Any, args: list[str]) -> None:
    parser = command.make_parser(ctx)
    parser.ignore_unknown_options = True
    try:
        found = parser.parse_args(args)[0]
    except _CLICK_USAGE:
        return
    for key in ("output", "debug"):
        value = found.get(f"global_{key}")
        if value:
            ctx.obj.remember(key, value)


def _ours(error: Any) -> UsageError:
    """Our UsageError for one of click's: one line, and a hint with the option meant or the usage line."""
    ctx = error.ctx
    path = ctx.command_path if ctx else "mgov"
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option:
        near = _option_meant(ctx.command, option) if ctx and option.startswith("--") else None
        return UsageError(f"no such option: {option}", hint=f"did you mean {near}?" if near else f"{path} --help")
    text = " ".join(error.format_message().split()).rstrip(".")
    text = text[:1].lower() + text[1:]
    extra = text.removeprefix("got unexpected extra argument(s) (")
    is_extra = extra != text
    if is_extra:
        text = f"unexpected argument: {extra[:-1]}"
    is_child = is_extra and ctx and ctx.command.facts.takes_child           # most likely: its -- was forgotten
    if ctx and (is_child or text.startswith("missing argument")):
        return UsageError(text.replace("'", ""), hint=" ".join([path, *ctx.command.collect_usage_pieces(ctx)]))
    if ctx and text.startswith("missing option"):
        return UsageError(text.replace("'", ""), hint=next(iter(ctx.command.facts.examples), f"{path} --help"))
    return UsageError(text, hint=f"{path} --help")


def _option_meant(command: Any, option: str) -> str | None:
    """The option for one that is not there: `-o json` for --json, else the one of the most similar name."""
    word = option.removeprefix("--")
    facts = getattr(command, "facts", Facts())
    if word in facts.formats or word == "format":
        return f"-o {word}" if word in facts.formats else "--output"
    flags = [flag for param in command.params for flag in (*param.opts, *param.secondary_opts)]
    near = suggest(word, [flag.removeprefix("--") for flag in flags if flag.startswith("--")])
    return f"--{near}" if near else None
