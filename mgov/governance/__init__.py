"""The platform: one class per component, over a store, a clock and the net."""
