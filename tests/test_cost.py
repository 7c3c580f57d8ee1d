"""What networks cost, by hand."""

from pathlib import Path

import pytest

from maskrec.cli import main
from maskrec.cost import network_costs
from maskrec.methods import BalancedMatching, FaceClassifier


def test_the_classifier_of_table_i_by_hand() -> None:
    costs = network_costs(BalancedMatching("resnet10t", 16), (112, 112))
    assert list(costs) == ["mask_classifier", "full_extractor", "partial_extractor"]
    classifier = costs["mask_classifier"]
    # 28 x 28 positions of 16 filters over 4 x 4 x 3; 12,544 to 512; 512 to 2.
    assert classifier.multiply_adds == 28 * 28 * 16 * 48 + 12_544 * 512 + 512 * 2 == 7_025_664
    biases, batch_norms = 16 + 512 + 2, 2 * 16 + 2 * 512
    assert classifier.parameters == 16 * 48 + 12_544 * 512 + 512 * 2 + biases + batch_norms
    assert costs["full_extractor"] == costs["partial_extractor"]


def test_the_resnet_50_is_the_one_the_paper_counts() -> None:
    assert network_costs(FaceClassifier(), (112, 112))["backbone"].multiply_adds == pytest.approx(6.3e9, rel=0.01)


def test_an_experiment_is_counted_by_its_name(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "balanced_small", "--model.init_args.backbone=resnet10t"]) == 0
    head, classifier, full, partial = capsys.readouterr().out.splitlines()
    assert head.startswith("one face of 48 x 48; multiply-adds in convolutions and linear layers")
    assert classifier.split() == ["mask_classifier", "1,183,026", "parameters", "1,291,264", "multiply-adds"]
    assert full.split()[1:] == partial.split()[1:]
    assert main(["cost", "nosuch"]) == 2
    assert "no experiment is called 'nosuch'" in capsys.readouterr().err
    assert not list(workplace.glob("runs"))
