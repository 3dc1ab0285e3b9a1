"""Verdin's greenlets in gdb, in a live process or in a core.

    (gdb) source verdin.py
    (gdb) verdin hubs
    (gdb) verdin greenlets
    (gdb) verdin bt ID      a greenlet's stack; ID is what `verdin greenlets` shows: HUB.SERIAL
    (gdb) verdin bt all

Nothing of the process is changed or run: a suspended stack is shown as if the innermost frame had been called from it.
The program needs debug information (-g). x86-64 only. Stacks may be missing in a core that gdb's own `gcore` has
written: it leaves out what lies around a guard page. The kernel's core dumps are whole.
"""

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# What jump_fcontext leaves on the stack, in words, where Verdin is built with VERDIN_FCONTEXT.
FCONTEXT_FRAME, FCONTEXT_RETURN = 7, 8


class Suspended(Unwinder):
    """While it has a place, the innermost frame returns there."""

    class FrameId:
        def __init__(self, sp, pc):
            self.sp, self.pc = sp, pc

    def __init__(self):
        super().__init__("verdin: suspended greenlet")
        self.place = None
        self.innermost = None

    def __call__(self, pending):
        if self.place is None:
            return None
        sp, ip = pending.read_register("rsp"), pending.read_register("rip")
        if (int(sp), int(ip)) != self.innermost:
            return None
        to_sp, to_bp, to_ip = self.place
        # gdb wants callers at higher addresses than what they call.
        info = pending.create_unwind_info(self.FrameId(gdb.Value(to_sp - 64).cast(sp.type), ip))
        info.add_saved_register("rsp", gdb.Value(to_sp).cast(sp.type))
        info.add_saved_register("rbp", gdb.Value(to_bp).cast(pending.read_register("rbp").type))
        info.add_saved_register("rip", gdb.Value(to_ip).cast(ip.type))
        return info

    def frames(self, place):
        """The frames of a suspended stack, the innermost first."""
        newest = gdb.newest_frame()
        self.innermost = (int(newest.read_register("rsp")), int(newest.read_register("rip")))
        self.place = place
        gdb.invalidate_cached_frames()
        try:
            frame = gdb.newest_frame().older()
            while frame is not None and frame.is_valid():
                yield frame
                frame = frame.older()
        finally:
            self.place = None
            gdb.invalidate_cached_frames()


suspended = Suspended()
register_unwinder(None, suspended, replace=True)


def chain(first, following):
    """The elements of a linked list."""
    while int(first) != 0:
        yield first.dereference()
        first = first[following]


def hub_records():
    first = gdb.lookup_global_symbol("verdin::impl::first_hub")
    if first is None:
        raise gdb.GdbError("there is no Verdin with debug information here")
    return list(chain(first.value(), "next"))


def greenlets_of(record):
    """The oldest first."""
    return list(chain(record["hub"].referenced_value()["all_"], "all_next_"))[::-1]


def text_of(string):
    """A std::string of libstdc++, or of another library as gdb shows it."""
    try:
        return string["_M_dataplus"]["_M_p"].string(length=int(string["_M_string_length"]))
    except gdb.error:
        return str(string).strip('"')


def name_of(greenlet):
    extras = greenlet["extras_"]
    return (text_of(extras["name"]) if int(extras) != 0 else "") or greenlet["label_"].string()


def serial_of(greenlet):
    """As GreenletBase::serial(): the number of its hub stands above."""
    return int(greenlet["serial_"]) & ((1 << 48) - 1)


def state_of(greenlet):
    state = str(greenlet["state_"]).split("::")[-1]
    return "ready" if state == "suspended" and int(greenlet["next"]) != 0 else state


def field(value, name):
    return value[name] if any(each.name == name for each in value.type.fields()) else None


def spawned_at(greenlet):
    line = int(greenlet["spawned_line_"])
    return f", spawned at {greenlet['spawned_file_'].string()}:{line}" if line != 0 else ""


def waiting_for(greenlet):
    what = field(greenlet, "waiting_for_")
    if what is None or int(what) == 0 or state_of(greenlet) != "suspended":
        return ""
    return f" in {what.string()}" if what.string() else ""


def place_of(greenlet):
    """Stack pointer, frame pointer, instruction."""
    at = greenlet["context_"]["at_"]
    sp, bp, ip = int(at["stack_pointer"]), int(at["frame_pointer"]), int(at["instruction"])
    if ip == 0 and sp != 0:
        words = gdb.Value(sp).cast(gdb.lookup_type("unsigned long").pointer())
        ip, bp = int(words[FCONTEXT_RETURN]), int(words[FCONTEXT_FRAME])
        sp += 8 * (FCONTEXT_RETURN + 1)
    return sp, bp, ip


def describe(record, greenlet):
    return (f"{int(record['id'])}.{serial_of(greenlet)} '{name_of(greenlet)}' {state_of(greenlet)}"
            f"{waiting_for(greenlet)}{spawned_at(greenlet)}")


def show_frame(number, frame):
    sal = frame.find_sal()
    where = f" at {sal.symtab.filename}:{sal.line}" if sal.symtab else ""
    print(f"  #{number:<2} {frame.name() or hex(frame.pc())} (){where}")


def show_stack(record, greenlet):
    print(describe(record, greenlet))
    state = state_of(greenlet)
    if state == "running":
        print(f"  (on thread {int(record['thread_id'])}: see `info threads`)")
    elif state in ("suspended", "ready"):
        for number, frame in enumerate(suspended.frames(place_of(greenlet))):
            show_frame(number, frame)


class VerdinCommand(gdb.Command):
    """Greenlets: verdin hubs, verdin greenlets, verdin bt ID|all."""

    def __init__(self):
        super().__init__("verdin", gdb.COMMAND_STATUS, prefix=True)


class HubsCommand(gdb.Command):
    """The hubs, one a line."""

    def __init__(self):
        super().__init__("verdin hubs", gdb.COMMAND_STATUS)

    def invoke(self, _arguments, _from_tty):
        for record in hub_records():
            hub = record["hub"].referenced_value()
            print(f"hub {int(record['id'])}, thread {int(record['thread_id'])}: {int(hub['greenlet_count_'])} greenlets")


class GreenletsCommand(gdb.Command):
    """All greenlets, one a line."""

    def __init__(self):
        super().__init__("verdin greenlets", gdb.COMMAND_STATUS)

    def invoke(self, _arguments, _from_tty):
        for record in hub_records():
            for greenlet in greenlets_of(record):
                print(describe(record, greenlet))


class BacktraceCommand(gdb.Command):
    """The stack of a greenlet (HUB.SERIAL), or of all."""

    def __init__(self):
        super().__init__("verdin bt", gdb.COMMAND_STACK)

    def invoke(self, arguments, _from_tty):
        wanted = arguments.strip()
        if not wanted:
            raise gdb.GdbError("verdin bt ID|all")
        found = False
        for record in hub_records():
            for greenlet in greenlets_of(record):
                if wanted in ("all", f"{int(record['id'])}.{serial_of(greenlet)}"):
                    found = True
                    show_stack(record, greenlet)
        if not found and wanted != "all":
            raise gdb.GdbError(f"no greenlet {wanted}; see `verdin greenlets`")


VerdinCommand()
HubsCommand()
GreenletsCommand()
BacktraceCommand()
