"""The rules that turn members' maps into one map: a file each, and RULES, the only list of them."""

from bench.ensembles.rules.greedy import Greedy
from bench.ensembles.rules.mean import Mean
from bench.ensembles.rules.rule import Rule
from bench.ensembles.rules.stacking import Stacking
from bench.ensembles.rules.staple import Staple
from bench.ensembles.rules.threshold import Threshold
from bench.ensembles.rules.vote import Vote
from bench.ensembles.rules.weights_dice import WeightsByDice
from bench.ensembles.rules.weights_likelihood import WeightsByLikelihood

RULES: dict[str, Rule] = {
    "mean": Mean(),
    "vote": Vote(),
    "greedy": Greedy(),
    "weights_dice": WeightsByDice(),
    "weights_likelihood": WeightsByLikelihood(),
    "threshold": Threshold(),
    "staple": Staple(),
    "stacking": Stacking(),
}
