"""Steps, their order, and all that a debugger does with them; pure, without threads or clocks."""
