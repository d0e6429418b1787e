"""Every action of the window, once: menus, toolbar, palette and shortcut sheet come from here.

An action is data. What it does is bound by the window under its name; when it can be used follows
from what it needs, and for the debugger's commands from the command itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from backpropviz.frozen import frozen

if TYPE_CHECKING:
    from backpropviz.engine.conventions import Convention, Option


class Needs(Enum):
    """What must be there before an action can be used; the table calls it by the value."""

    NOTHING = ""
    TAPE = "pass"
    """Recorded, and in sight."""
    COMMAND = "command"
    """A pass in sight, and a command that is possible now."""
    OPENED = "opened"
    """A pass, in sight or behind the training."""
    RUN = "run"
    """In training."""
    LAST_SESSION = "session"
    """From an earlier time."""
    WAITING = "waiting"
    """A session in whose place another one was put."""


class Scope(Enum):
    """Where its keys work: letters, Space and the arrows belong to the stage alone."""

    WINDOW = "window"
    STAGE = "stage"


def is_function_key(key: str) -> bool:
    """Whether a key text names F1 to F12, with or without modifiers."""
    last = key.rpartition("+")[2]
    return last[:1] == "F" and last[1:].isdecimal()


@frozen
class ActionSpec:
    """One action; `name` is its identity, `help` one sentence, `keys` portable key texts."""

    name: str
    menu: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    needs: Needs = Needs.NOTHING
    scope: Scope = Scope.WINDOW
    is_checkable: bool = False
    begins_section: bool = False
    works_beside: bool = False
    """In windows beside the main one too, where function keys work in any case."""

    @property
    def is_everywhere(self) -> bool:
        """Whether its keys work in every window of the program that is not modal."""
        is_called = any(map(is_function_key, self.keys))
        return self.scope is Scope.WINDOW and (self.works_beside or is_called)


_GAP, _NONE, _NEW_SECTION = "  ", "-", "---"
_TABLE: Final = """\
File
open           Open…                    Ctrl+O        folder-open     -
    Open an image, a network or a session.
open_example   Open the 3×3 example     Ctrl+1        grid-3x3        -
    Open the example whose numbers can be checked by head.
open_lenet     Open LeNet on a digit    Ctrl+2        network         -
    Open a trained network that reads a handwritten digit.
train_network  Train a network…         Ctrl+3        chart-line      -
    Choose a network and its data, and watch its filters being learned.
---
new_network    New network…             Ctrl+N        layers          -
    Put a network together layer by layer, with its shapes and costs at each step.
edit_network   Edit network…            Ctrl+Shift+N  network         pass
    Change the layers of the open network; trained weights that still fit can stay.
---
resume         Resume the last debugging session  Ctrl+R  history         session
    Go on where the program was closed the last time.
back_to        Back to the session before  -  undo-2          waiting
    Show the session again in whose place another one was opened, just as it was left.
---
save           Save session…            Ctrl+S        save            pass
    Save network, image, place, breakpoints and watches in one file.
export         Export…                  Ctrl+E        upload          pass
    Write this frame, or a frame for each step of a range, to files.
copy_frame     Copy frame as image      Ctrl+Shift+C  copy            pass
    Put the stage on the clipboard as an image.
---
start_page     Start page               Ctrl+Shift+H  corner-up-left  opened
    Leave the pass and show the start page.
quit           Quit                     Ctrl+Q        x               beside
    Close the window.

Edit
copy_value     Copy value                 Ctrl+C  copy             pass stage
    Copy address and value of the focused or pinned cell.
paste          Paste an image             Ctrl+V  clipboard-paste  -
    Use the picture or file on the clipboard.
---
fit_image      Fit the image…             Ctrl+I  crop             pass
    See and change how the image was brought to the network's input.
own_example    The network's own example  -       image            pass
    Use the image and the target that the network brings.
own_picture    Your image again           -       image            pass
    Give the open network the image that you opened before.
learning_rate  Learning rate…             Ctrl+L  gauge            pass
    Record the pass again with another learning rate.
target         Target…                    Ctrl+T  target           pass
    Record the pass again with another target.
---
preferences    Preferences…               Ctrl+,  settings         -
    Choose theme, speed, color map and motion.

View
palette           Command palette           Ctrl+Shift+P   command        beside
    Find any action, layer or address by a few letters.
---
zoom_in           Zoom in                   Ctrl++ Ctrl+=  zoom-in        pass
    Show the stage larger.
zoom_out          Zoom out                  Ctrl+-         zoom-out       pass
    Show the stage smaller.
zoom_reset        Zoom to 100 %             Ctrl+0         maximize       pass
    Show the stage at its own size.
---
ledger_by_size    Sort the ledger by size   Ctrl+Shift+L   arrow-up-down  pass tick
    Largest terms first, instead of the order of the loops.
ledger_by_sample  Sum the ledger by sample  Ctrl+Shift+A   layers         pass tick
    Of a batch: a row for each sample, with all that it adds, instead of a row for each term.
network_details   Network details…          Ctrl+Shift+I   info           pass
    Layers, shapes and parameters of the network.
reset_layout      Reset the layout          -              rotate-ccw     pass
    Show every panel at its first place and size.
---
toggle_theme      Switch light and dark     Ctrl+Shift+T   moon           -
    Change between the light and the dark theme.
next_panel        Next panel                F6             panel-right    -
    Move the keyboard to the next panel.
previous_panel    Previous panel            Shift+F6       panel-left     -
    Move the keyboard to the panel before.

Debug
step_over       Step over               F10             redo-dot           command
    Run the block in focus and go to the next of its depth.
step_into       Step into               F11             corner-right-down  command
    Go one depth deeper.
step_out        Step out                Shift+F11       corner-right-up    command
    Run to the end of the enclosing block and go one depth up.
continue        Continue                F5              step-forward       command
    Run to the next breakpoint or to the end.
---
back_over       Step back over          Ctrl+F10        undo-dot           command
    Undo the block before, at the same depth.
back_into       Step back into          Ctrl+F11        corner-left-down   command
    Go one depth deeper and to the block before.
back_out        Step back out           Ctrl+Shift+F11  corner-left-up     command
    Go back to the start of the enclosing block, one depth up.
continue_back   Continue backwards      Ctrl+F5         step-back          command
    Run back to the breakpoint before or to the start.
---
next            Next                    .               chevron-right      command beside
    The next block at this depth.
previous        Previous                ,               chevron-left       command beside
    The block before at this depth.
play            Play or pause           Space           play               pass stage
    Step on by itself, at the chosen speed.
stage_next      Next, on the stage      Right           arrow-right        command stage
    The next block at this depth.
stage_previous  Previous, on the stage  Left            arrow-left         command stage
    The block before at this depth.
---
go_to              Go to address or step…      Ctrl+G         crosshair       pass beside
    Jump to a value such as conv1.weight.grad[0,0,0,1], or to a step by its number.
to_start           Go to the start             Ctrl+Home      skip-back       command
    Go to the first step of the pass.
to_end             Go to the end               Ctrl+End       skip-forward    command
    Run the whole pass.
go_back            Back to where I was         Alt+Left       undo-2          pass
    Return from a jump.
go_forward         Forward again               Alt+Right      redo-2          pass
    Undo the return from a jump.
origin             Go to where it is computed  Ctrl+Return    corner-left-up  pass
    Go to the step that computed the pinned or focused value.
previous_sample    Previous sample             Alt+Up         chevron-up      pass
    Go to the same step in the sample before, of a batch.
next_sample        Next sample                 Alt+Down       chevron-down    pass
    Go to the same step in the sample after, of a batch.
---
toggle_breakpoint  Breakpoint here             F9             circle-dot      pass
    Set or remove a breakpoint at what is in focus.
add_breakpoint     Add a breakpoint…           Ctrl+F9        plus            pass
    Stop at an address, or when a condition is met.
clear_breakpoints  Remove all breakpoints      Ctrl+Shift+F9  trash-2         command
    Remove every breakpoint of this pass.
add_watch          Add a watch…                Ctrl+W         eye             pass
    Follow the value at an address.
---
loop_order     Change the loop order              Ctrl+Shift+O  repeat         pass
    Interchange the loops: by target, or by source.
show_absent    Stop at absent terms               -             -              pass tick
    Stop, by position, also where a window reaches no cell, which is passed otherwise.
faster         Faster                             Ctrl+Up       chevrons-up    pass
    Play faster.
slower         Slower                             Ctrl+Down     chevrons-down  pass
    Play slower.
---
float_width    Compute in float64                 Ctrl+Shift+F  sigma          pass tick
    Record the pass again in 64-bit floating point.
sum_reduction  Sum over the batch                 Ctrl+Shift+B  sigma          pass tick
    Record the pass again with the sum of the losses instead of their mean.
---
train_mode     Mode train: as in a training step  -             -              pass tick
    Batch normalization takes the batch's own statistics, and dropout drops values.
eval_mode      Mode eval: as in use               -             -              pass tick
    Batch normalization takes its running statistics, and nothing is dropped.
dropout_seed   Dropout seed…                      -             -              pass
    Choose the seed that draws what dropout drops in the mode train.

Edit
---
copy_derivation   Copy the derivation as text            Ctrl+Alt+C    copy                  pass
    Put the equations and terms of the explained value on the clipboard.
copy_latex        Copy the equations as LaTeX            Ctrl+Alt+X    sigma                 pass
    Put the equations of the explained value on the clipboard, for a paper.

Analyze
nudge             Nudge this value                   N             sliders-horizontal    pass stage
    Drag a weight, a bias or a pixel: the true loss against what its gradient predicts.
ancestry          Where did this come from?          W             git-branch            pass stage
    The way of a value back to the loss or down to the pixels, largest contributions first.
feeds             What does this feed?               F             arrow-up-from-dot     pass stage
    Every value that a pixel, a weight or any other value is a part of.
weight_view       Everything this weight meets       M             crosshair             pass stage
    All inputs that one weight meets, what comes back from there, and the sum that moves it.
edit_value        Change this value…                 E             grid-3x3              pass stage
    Put another number into a pixel, a weight or a bias, and see everything follow.
edit_numbers      Edit the numbers of this example…  Shift+E       grid-3x3              pass stage
    Type over any pixel, weight or target of a small example, and see the whole pass follow.
whole_numbers     Whole numbers only                 -             -                     pass tick
    Take no fractions, and a learning rate of 1, so that a pass can be checked by head.
---
check_value       Check this gradient                K             check                 pass stage
    Hold the gradient of a value against its finite difference.
gradient_check    Check all gradients…               Ctrl+Shift+G  activity              pass
    Hold the gradient of every weight and bias against its finite difference.
---
convention_proof  Which convention is right?         Ctrl+Shift+K  circle-question-mark  pass
    See with which choice at a tie or a corner the finite difference agrees.
---
ties_first      At a tie the first takes the gradient  -  -          pass tick
    Of equal largest values in a window the first one counts, as in PyTorch.
ties_all        At a tie each takes the gradient       -  -          pass tick
    Each of the equal largest values of a window takes the whole gradient.
ties_shared     At a tie all share the gradient        -  -          pass tick
    The equal largest values of a window share the gradient evenly.
---
relu_zero       ReLU has slope 0 at 0                  -  -          pass tick
    The slope of a rectifier at exactly 0 is 0, as in PyTorch.
relu_half       ReLU has slope ½ at 0                  -  -          pass tick
    The slope of a rectifier at exactly 0 is ½.
relu_one        ReLU has slope 1 at 0                  -  -          pass tick
    The slope of a rectifier at exactly 0 is 1.
---
turned_kernels  Turn kernels by 180°                   -  rotate-cw  pass tick
    Compute true convolutions instead of the customary cross-correlations.

Train
mode               Change between Debug and Train  Ctrl+Shift+M   arrow-left-right    -
    Show the training, or the pass in the debugger; what trains goes on.
new_run            New run…                        Ctrl+Alt+N     plus                -
    Choose network, data, optimizer and first weights of a run.
---
train              Start or pause training         F8             play                run
    Train on without end, or stop after the update that is being made.
one_update         One update                      F7             step-forward        run
    Make one update and pause.
one_epoch          To the end of the epoch         Shift+F7       skip-forward        run
    Train until every sample was seen once more, and pause.
stop_training      Stop and validate               Shift+F8       square              run
    Stop, measure the validation samples and keep a checkpoint.
---
debug_update       Debug this update               Ctrl+F8        bug                 run
    Open the update that is shown in the debugger: its batch, weights, gradients and steps.
debug_next_update  Debug the next update           Ctrl+Shift+F8  -                   run
    Open the update that comes next in the debugger, before it is made.
---
rewind             Rewind to the shown update      Ctrl+Shift+F7  history             run
    Go on from the update that the slider shows, in a run of its own with the same settings.
fork               Fork with other settings…       Ctrl+F7        git-branch          run
    Go on from the update that the slider shows, with other settings.
show_latest        Show the latest update          F4             chevrons-right      run
    Leave the past: the filters follow the training again.
compare_runs       Compare runs                    Ctrl+Shift+D   arrow-right-left    run
    Curves of two runs, and the difference of their filters.
---
stops              Stops in training…              F2             circle-dot          run
    Choose what stops a run by itself: a rising loss, NaN, a ratio, an accuracy.
alert_rules        Rules of the alerts…            Shift+F2       sliders-horizontal  run
    Change the thresholds from which the diagnosis speaks.
---
save_run           Save run…                       Ctrl+Alt+S     save                run
    Save network, data, settings, history and checkpoints in one file.
save_history       Save the curves as CSV…         -              download            run
    Write a row for each update: loss, learning rate, validation.
save_picture       Save the filters as a picture…  -              upload              run
    Write the filters as they are shown to a PNG, SVG or PDF file.
---
close_run          Close this run                  Ctrl+Alt+W     x                   run
    Let go of the shown run beside others: its curves, filters and checkpoints.

Help
shortcuts  Keyboard shortcuts  F1 ?  keyboard  -
    Show all keys on one sheet.
about      About BackpropViz   -     info      -
    Version, licenses and libraries.
"""
"""By menu: name, title, keys, icon, when it can be used; below, a sentence of help.

The last column says what is needed, and `stage`: its keys work on the stage alone; `beside`: they
work in other windows too; `tick`: it can be on or off. A line begins a section of the menu.
"""


def _read(table: str) -> Iterator[ActionSpec]:
    """The actions of a table as the one above."""
    menu, begins_section = "", False
    lines = iter(filter(None, table.splitlines()))
    for line in lines:
        if line == _NEW_SECTION:
            begins_section = True
        elif _GAP not in line:
            menu = line
        else:
            columns = [column.strip() for column in line.split(_GAP) if column.strip()]
            name, title, keys, icon, when = ("" if c == _NONE else c for c in columns)
            words = set(when.split())
            marks = words & {"stage", "beside", "tick"}
            yield ActionSpec(
                name,
                menu,
                title,
                next(lines).strip(),
                tuple(keys.split()),
                icon,
                Needs("".join(words - marks)),
                Scope.STAGE if "stage" in marks else Scope.WINDOW,
                is_checkable="tick" in marks,
                begins_section=begins_section,
                works_beside="beside" in marks,
            )
            begins_section = False


ACTIONS: Final = tuple(_read(_TABLE))
_BY_NAME: Final = {spec.name: spec for spec in ACTIONS}


def action_spec(name: str) -> ActionSpec:
    """The action of that name."""
    return _BY_NAME[name]


CONVENTION_CHOICES: Final[Mapping[str, tuple[Convention, Option]]] = MappingProxyType(
    {
        "ties_first": ("ties", "first"),
        "ties_all": ("ties", "all"),
        "ties_shared": ("ties", "shared"),
        "relu_zero": ("relu_at_zero", 0.0),
        "relu_half": ("relu_at_zero", 0.5),
        "relu_one": ("relu_at_zero", 1.0),
        "turned_kernels": ("flip", True),
    }
)
"""Which choice of which convention an action makes; unticked, `turned_kernels` is the standard."""
