from dataclasses import dataclass
@dataclass
class Plan: pass
def make_plan(): pass
