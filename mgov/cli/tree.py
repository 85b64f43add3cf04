"""The command tree as a static table: what exists, on which panel, and which function answers.

A command is one row here and one function there; nothing but the named command's module is imported.

    # tree.py:  ("services", "mgov.cli.services:services", FLEET, "List the services"),
    @command("mgov services 'ord*'", columns=COLUMNS)                 # mgov.cli.options.command
    def services(ctx: Context, glob: Annotated[str, typer.Argument(metavar="GLOB", help="...")] = "*") -> View:
        \"\"\"List the services.\"\"\"                                      # shown under the example in --help
        return View(COLUMNS, [row(s) for s in ctx.obj.platform().registry.services(glob)])

A row whose name has a space belongs to a group (`store info`); the group itself is a row without a function, or with
one that answers where no row below is named (`graph`).
A row without a panel is hidden. This module is read on every start: it imports nothing.
"""

FLEET, HEALTH, TRAFFIC, CONFIGURATION, STORE = PANELS = ("Fleet", "Health", "Traffic", "Configuration", "Store")

# name, module:function, panel, help line (a verb first, no full stop)
COMMANDS: tuple[tuple[str, str, str, str], ...] = (
    ("register", "mgov.cli.register:register", FLEET, "Register a service, and with a URL an instance of it"),
    ("deregister", "mgov.cli.register:deregister", FLEET, "Remove an instance, or a service with --all"),
    ("heartbeat", "mgov.cli.register:heartbeat", FLEET, "Say that an instance with a TTL is alive"),
    ("services", "mgov.cli.services:services", FLEET, "List services"),
    ("instances", "mgov.cli.services:instances", FLEET, "List instances with their health"),
    ("show", "mgov.cli.show:show", FLEET, "Show everything about a service or an instance"),
    ("discover", "mgov.cli.discover:discover", FLEET, "Find the instances of a service that may be used"),
    ("apply", "mgov.cli.manifest:apply", FLEET, "Make the fleet as a manifest says"),
    ("diff", "mgov.cli.manifest:diff", FLEET, "Compare the fleet with a manifest"),
    ("export", "mgov.cli.manifest:export", FLEET, "Print the fleet as a manifest"),
    ("import", "", FLEET, "Read a fleet from what other tools know"),
    ("import compose", "mgov.cli.imports:compose", FLEET, "Print a compose file as a manifest"),
    ("import kubernetes", "mgov.cli.imports:kubernetes", FLEET, "Print Kubernetes manifests as a manifest"),
    ("import consul", "mgov.cli.imports:consul", FLEET, "Print what Consul knows as a manifest"),
    ("maintenance", "mgov.cli.maintenance:maintenance", FLEET, "Take out of service on purpose, or list what is out"),
    ("prune", "mgov.cli.maintenance:prune", FLEET, "Remove instances that are long dead"),
    ("graph", "mgov.cli.graph:graph", FLEET, "Show who depends on whom"),
    ("graph cycles", "mgov.cli.graphquestions:cycles", FLEET, "Find services that need each other"),
    ("graph order", "mgov.cli.graphquestions:order", FLEET, "Say in which order to deploy, one wave per line"),
    ("graph impact", "mgov.cli.graphquestions:impact", FLEET, "Say who suffers when a service fails"),
    ("graph path", "mgov.cli.graphquestions:path", FLEET, "Say how one service comes to need another"),
    ("graph check", "mgov.cli.graphgate:check", FLEET, "Hold the dependencies to the rules"),
    ("graph diff", "mgov.cli.graphgate:diff", FLEET, "Compare the dependencies with a manifest"),
    ("status", "mgov.cli.status:status", FLEET, "Show the whole fleet on one screen, and what to type next"),
    ("stats", "mgov.cli.services:stats", FLEET, "Count services and instances, all and healthy"),
    ("audit", "mgov.cli.audit:audit", FLEET, "Hold the fleet to the best practices, as a scorecard"),
    ("report", "mgov.cli.report:report", FLEET, "Write the fleet as one HTML page"),
    ("health", "mgov.cli.health:health", HEALTH, "Probe instances or bare URLs and say which are well"),
    ("probe", "mgov.cli.probe:probe", HEALTH, "Explain one check: phases, expectations, certificate"),
    ("why", "mgov.cli.why:why", HEALTH, "Say why a service fails: the root, what changed before, who suffers"),
    ("call", "mgov.cli.call:call", TRAFFIC, "Send a request to a service, protected"),
    ("breaker", "", TRAFFIC, "Stop calling what fails, and find out when it is well again"),
    ("breaker list", "mgov.cli.breaker:list_", TRAFFIC, "List breakers and their states"),
    ("breaker show", "mgov.cli.breaker:show", TRAFFIC, "Show one breaker: state, counts, policy, transitions"),
    ("breaker check", "mgov.cli.breaker:check", TRAFFIC, "Say whether a call may go out: 0 or 6"),
    ("breaker record", "mgov.cli.breaker:record", TRAFFIC, "Say what became of a call"),
    ("breaker run", "mgov.cli.breaker:run", TRAFFIC, "Run a command through a breaker"),
    ("breaker trip", "mgov.cli.breaker:trip", TRAFFIC, "Open a breaker now"),
    ("breaker reset", "mgov.cli.breaker:reset", TRAFFIC, "Close a breaker and lift what was forced"),
    ("breaker set", "mgov.cli.breaker_set:set_", TRAFFIC, "Set when breakers open, or force one"),
    ("limit", "", TRAFFIC, "Keep calls below a rate that everyone on the store shares"),
    ("limit list", "mgov.cli.limit:list_", TRAFFIC, "List the limits and what is left of each"),
    ("limit show", "mgov.cli.limit:show", TRAFFIC, "Show one limit and its tightest keys"),
    ("limit set", "mgov.cli.limit:set_", TRAFFIC, "Limit how often a service may be called"),
    ("limit take", "mgov.cli.limit:take", TRAFFIC, "Take from a limit, wait for it, run a command when it passes"),
    ("limit reset", "mgov.cli.limit:reset", TRAFFIC, "Give a key its full burst back"),
    ("config", "", CONFIGURATION, "Keep the values of services, in versions"),
    ("config set", "mgov.cli.config:set_", CONFIGURATION, "Set keys of a configuration, all in one version"),
    ("config unset", "mgov.cli.config:unset", CONFIGURATION, "Take keys of a configuration away"),
    ("config get", "mgov.cli.config:get", CONFIGURATION, "Print the values that a service reads"),
    ("config show", "mgov.cli.config:show", CONFIGURATION, "Show one version: who, when, why, and its values"),
    ("config edit", "mgov.cli.config_files:edit", CONFIGURATION, "Change a configuration in your editor"),
    ("config import", "mgov.cli.config_files:import_", CONFIGURATION, "Make a configuration exactly what a file says"),
    ("config export", "mgov.cli.config_files:export", CONFIGURATION, "Print a configuration as a file"),
    ("config history", "mgov.cli.config_versions:history", CONFIGURATION, "List the versions of a configuration"),
    ("config diff", "mgov.cli.config_versions:diff", CONFIGURATION, "Compare versions, environments and files"),
    ("config rollback", "mgov.cli.config_versions:rollback", CONFIGURATION, "Bring back an older version as a new one"),
    ("config promote", "mgov.cli.config_versions:promote", CONFIGURATION, "Make one environment read as another does"),
    ("config schema", "", CONFIGURATION, "Hold a configuration to a JSON Schema"),
    ("config schema set", "mgov.cli.config_schema:set_", CONFIGURATION, "Check what is published against this schema"),
    ("config schema show", "mgov.cli.config_schema:show", CONFIGURATION, "Print the schema"),
    ("config validate", "mgov.cli.config_schema:validate", CONFIGURATION, "Say what the schema refuses, and why"),
    ("config watch", "mgov.cli.config_watch:watch", CONFIGURATION, "Print or act on each real change"),
    ("config exec", "mgov.cli.config_watch:exec_", CONFIGURATION, "Run a command with the values as its environment"),
    ("config gc", "mgov.cli.config_versions:gc", CONFIGURATION, "Remove old versions"),
    ("init", "mgov.cli.init:init", STORE, "Make a store"),
    ("demo", "mgov.cli.demo:demo", STORE, "Show the main job on two real servers"),
    ("store", "", STORE, "Ask about the store, verify and mend it"),
    ("store info", "mgov.cli.store:info", STORE, "Say which store is used and what is in it"),
    ("store check", "mgov.cli.store:check", STORE, "Verify every file of the store"),
    ("store repair", "mgov.cli.store:repair", STORE, "Set damaged files aside, put the last good copies back"),
    ("history", "mgov.cli.history:history", STORE, "Show what was changed, when and by whom"),
    ("undo", "mgov.cli.history:undo", STORE, "Take the newest change back, or all since a revision"),
    ("trust", "mgov.cli.trust:trust", STORE, "Let what a store holds run on this machine"),
    ("accept", "mgov.cli.store:accept", STORE, "Take hand edits that look like damage as meant"),
    ("completion", "mgov.cli.completion:completion", STORE, "Print the completion script of a shell"),
    ("help", "mgov.cli.help:help_topic", STORE, "Explain a topic, such as exit-codes, or a command"),
    ("version", "mgov.cli.help:version", STORE, "Print the version"),
    ("_completions", "mgov.cli.completion:write_all", "", "Write the completion scripts and the man page"),
)

# verbs that skip typer when their whole command line is known: verb -> module:function(argv, out) -> status or None
HOT: dict[str, str] = {
    "discover": "mgov.cli.hot:discover",
    "heartbeat": "mgov.cli.hot:heartbeat",
    "config": "mgov.cli.hot:config_get",
    "breaker": "mgov.cli.hot:breaker",
}

# key, flags, metavar ('' is a switch), variable, help; understood before and after every command
GLOBALS: tuple[tuple[str, tuple[str, ...], str, str, str], ...] = (
    ("store", ("-S", "--store"), "STORE", "MGOV_STORE", "The store: a folder, a URL or a name from your configuration"),
    ("output", ("-o", "--output"), "FORMAT", "MGOV_OUTPUT", "How to print the answer"),
    ("columns", ("--columns",), "A,B", "", "Print these columns only"),
    ("color", ("--color",), "WHEN", "MGOV_COLOR", "auto, always or never"),
    ("quiet", ("-q", "--quiet"), "", "MGOV_QUIET", "Say nothing but warnings and errors on stderr"),
    ("verbose", ("-v", "--verbose"), "", "MGOV_VERBOSE", "Say more on stderr"),
    ("debug", ("--debug",), "", "MGOV_DEBUG", "Show the traceback of an error"),
    ("yes", ("-y", "--yes"), "", "MGOV_YES", "Do not ask before a destructive command"),
    ("deadline", ("--deadline",), "DURATION", "MGOV_DEADLINE", "Give the whole command at most this long"),
    ("help", ("-h", "--help"), "", "", "Show this help"),
)


def find(name: str) -> tuple[str, str, str, str] | None:
    """The row of `name`, or None."""
    for entry in COMMANDS:
        if entry[0] == name:
            return entry
    return None


def children(group: str) -> list[tuple[str, str, str, str]]:
    """The visible rows one level below `group` ('' is the root), in the table's order."""
    prefix = f"{group} " if group else ""
    return [e for e in COMMANDS if e[2] and e[0].startswith(prefix) and " " not in e[0][len(prefix) :]]


def load(place: str) -> "object":
    """The object at `module:name`; imports that module only."""
    module, _, name = place.partition(":")
    loaded = __import__(module, fromlist=[name])
    return getattr(loaded, name)
