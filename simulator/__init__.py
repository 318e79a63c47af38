"""What then happens, and the bill."""

from simulator.economics.bill import bill
from simulator.record.result import Result
from simulator.scenario import SLO, Scenario
from simulator.simulate import simulate

__all__ = ["SLO", "Result", "Scenario", "bill", "simulate"]
