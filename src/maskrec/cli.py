"""The command line: LightningCLI's fit, validate, test, predict, and a few verbs around them."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonargparse
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

import data_modules  # noqa: F401  # so that `--data MFR2` finds it
from maskrec import commands, experiments
from maskrec.callbacks import BEST, LAST, StepSeed, WriteEmbeddings, log_picture
from maskrec.checkpoints import loading_checkpoint
from maskrec.commands import write
from maskrec.cost import cost_lines
from maskrec.data import EvaluationModule
from maskrec.errors import UserError, one_line, user_error_behind
from maskrec.memory import keep_freed_memory
from maskrec.recognise import identify, verify
from maskrec.report import write_report
from maskrec.rescue import run_rescue
from maskrec.runs import RunFolder
from maskrec.sweeps import run_sweep
from maskrec.tables import run_table

# `omegaconf+` resolves `${...}` once all files are merged; without this it does not work under subcommands.
jsonargparse.set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
# Of defaults of albumentations, once for each; they may as well be lists.
warnings.filterwarnings("ignore", message=r"\s*Dump of a value that does not round-trip: a tuple")

USAGE = """usage: maskrec <command> [options]

commands:
  exp NAME      fit, test the best checkpoint and write the report of experiments/NAME.yaml
  sweep NAME    `exp` for each point of experiments/sweeps/NAME.yaml, and a table of them all
  table NAME    `exp` for each row of experiments/tables/NAME, and their report  [--data small|tuned] [--seeds N]
  fit           train                                     (all four: --config FILE, --help)
  validate      score the validation sets
  test          score the test sets and write the report
  predict       --images FOLDER --output FILE.npz: embed a folder of pictures
  rescue        --weights FILE --faces FOLDER: make an existing recogniser mask-proof  [--eval FOLDER] [--minutes 30]
  verify        A B --checkpoint RUN: whether two pictures show one person; exit code 0, or 1 if not
  identify      PROBE GALLERY --checkpoint RUN: who of a folder it is; exit code 0, or 1 if nobody
  faces         measure what generated faces are worth, and draw a sheet of them
  landmarks     ROOT [--processes N] [--strict]: detect the landmarks of a folder's faces, which masks need
  mask          IN OUT --kind mg --style n95: a masked copy of a folder; --gallery FILE.png: every kind and style
  quality       [ROOT] --kind mg: whether masks sit where they should, counted on a folder or generated faces
  realism       FULL MASKED --kind mg iamgan=FILE: masks beside real masks, measured without training on them
  cost NAME     parameters and multiply-adds of the networks of experiments/NAME.yaml
  report        RUN: write a run's page anew; RUN RUN ... -o FILE.html: several in one table, also as .md and .csv
  list          the experiments, one line each
  backbones     the names of all backbones [those that contain a word]"""
LIGHTNING = ("fit", "validate", "test", "predict")
WITHOUT_PARSER = ("exp", "sweep", "table", "cost", "list", "backbones")  # what they take stands in USAGE alone
NEED_EXPERIMENTS = ("exp", "list", "sweep", "table", "rescue", "cost")


def main(args: list[str] | None = None) -> int:
    """Run a command, and return its exit code: what a user can mend ends in one line and 2."""
    args = sys.argv[1:] if args is None else args
    verbs: dict[str, Callable[[list[str]], int | None]] = {
        "exp": run_experiment,
        "sweep": lambda args: run_sweep(args, check_experiment),
        "table": lambda args: run_table(args, check_experiment),
        "rescue": lambda args: run_rescue(args, check_experiment, lambda args: Built(fit_command(args))),
        "verify": verify,
        "identify": identify,
        "cost": print_cost,
        "faces": commands.faces,
        "landmarks": commands.landmarks,
        "mask": commands.mask,
        "quality": commands.quality,
        "realism": commands.realism,
        "report": commands.report,
        "list": commands.experiment_list,
        "backbones": commands.backbone_list,
    }
    try:
        if not args or {"-h", "--help"}.intersection(args[: 2 if args[0] in WITHOUT_PARSER else 1]):
            write(USAGE)
        elif args[0] in LIGHTNING:
            MaskrecCLI(args)
        elif args[0] in NEED_EXPERIMENTS and not experiments.FOLDER.is_dir():
            raise UserError(f"{experiments.FOLDER}/: not in {Path.cwd()}; run maskrec in the project's folder")
        elif args[0] in verbs:
            return verbs[args[0]](args[1:]) or 0
        else:
            raise UserError(f"no command is called '{args[0]}'; `maskrec --help` lists them")
    except (UserError, MisconfigurationException) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        if isinstance(error, experiments.UnknownExperimentError):
            commands.experiment_list([])
        return 2
    return 0


def print_cost(args: list[str]) -> None:
    """What each network of an experiment costs for one face, line by line."""
    config = ConfigCheck(["test", *fit_command(args)[1:]]).config["test"]
    for line in cost_lines(config["model"], config["data"]["init_args"]["image_size"]):
        write(line)


def run_experiment(args: list[str]) -> None:
    """Fit, test the best checkpoint, and write the report."""
    cli = MaskrecCLI(fit_command(args))
    kept = (cli.folder.path / "checkpoints" / name for name in (BEST, LAST))
    # None after fast_dev_run: the network as it is. Rank 0 made the folder, so it knows.
    best = cli.trainer.strategy.broadcast(next((path for path in kept if path.is_file()), None))
    cli.trainer.test(cli.model, datamodule=cli.datamodule, ckpt_path=best, weights_only=True, verbose=False)
    if cli.trainer.is_global_zero and not cli.trainer.fast_dev_run:
        cli.write_page()
        for line in cli.config["fit"]["next_steps"]:
            write(line)


def check_experiment(args: list[str]) -> None:
    """Find what is wrong with what follows `exp`; runs nothing.

    Raises:
        UserError: A file, a key or a value is wrong, or not that of the run to `--resume`.
    """
    ConfigCheck(fit_command(args))


def fit_command(args: list[str]) -> list[str]:
    """`NAME [--hardware NAME] [options]` as `fit` takes it."""
    name, hardware, rest = experiments.parse_command(args)
    return ["fit", *experiments.config_options(name, hardware), *rest]


class LightningParser(commands.Parser, LightningArgumentParser):
    """Lightning's parser, whose errors are one line like all others here."""


class MaskrecCLI(LightningCLI):
    """LightningCLI over a FaceMethod and a FaceDataModule, each run in a folder of its own.

    Args:
        args: A subcommand and its options.
    """

    datamodule: LightningDataModule
    trainer: Any  # Lightning's Trainer, whose attributes set at run time it does not declare

    def __init__(self, args: list[str]) -> None:
        # What an agent of a sweep starts reports to its server.
        os.environ.setdefault("WANDB_MODE", "online" if "WANDB_SWEEP_ID" in os.environ else "offline")
        keep_freed_memory()
        subcommand, *options = args
        options, self.folder = RunFolder.from_options(options)
        try:
            super().__init__(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                save_config_callback=None,  # RunFolder writes config.yaml
                seed_everything_default=1,
                parser_kwargs={"parser_mode": "omegaconf+"},
                auto_configure_optimizers=False,  # a method makes its own
                trainer_defaults={"use_distributed_sampler": False, "num_sanity_val_steps": 0},
                args=[subcommand, *experiments.expand_extends(options)],
            )
        except (UserError, MisconfigurationException):
            self.folder.discard()
            raise

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Our parser, with Lightning's `--config`."""
        parser = LightningParser(allow_abbrev=False, **kwargs)
        config_file = jsonargparse.ActionConfigFile  # type: ignore[attr-defined]
        parser.add_argument("-c", "--config", action=config_file, help="A YAML file; may be repeated.")
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """What is ours at the top level of a configuration."""
        parser.add_argument("--name", type=str, default="run", help="Name of the experiment.")
        parser.add_argument("--group", type=str, help="Group of the run in W&B.")
        parser.add_argument("--run_id", type=str, help="Name of the run's folder; default: a time stamp.")
        parser.add_argument("--run_dir", type=str, help="The run's folder.")
        parser.add_argument("--extends", type=list[str], default=[], help="Files beside this one merged before it.")
        parser.add_argument("--monitor", type=str, default="val/auc", help="What the best checkpoint is chosen by.")
        parser.add_argument("--next_steps", type=list[str], default=[], help="Lines that `exp` ends with.")
        parser.add_argument(
            "--paper",
            type=dict[str, float],
            default={},
            help="The paper's figures by <set>/<comparison>/<metric>: above 1 in percent, else a share.",
        )
        parser.link_arguments("seed_everything", "data.init_args.seed")

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        parser.set_defaults({"weights_only": True})  # a checkpoint is never unpickled beyond tensors and plain values
        if subcommand in ("validate", "test"):
            parser.set_defaults({"verbose": False})  # WriteResults prints the table
        if subcommand == "fit":  # only training builds a head; elsewhere the data's identities are others
            parser.link_arguments("data.num_identities", "model.init_args.num_identities", apply_on="instantiate")
        if subcommand == "predict":
            parser.add_argument("--images", type=str, required=True, help="Folder of pictures.")
            parser.add_argument("--output", type=str, required=True, help="The .npz file to write.")
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse what `main` was given: Lightning would warn that the command line says the same."""
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        """The configuration says what the model is, a checkpoint only its weights."""

    def before_instantiate_classes(self) -> None:
        """Compare with the saved configuration where a run goes on."""
        self.folder.adopt(self._parser(self.subcommand), self.config[self.subcommand])

    def instantiate_classes(self) -> None:
        """Build data, method and trainer; what a constructor says of the user's input comes out as it was said."""
        try:
            super().instantiate_classes()
        except Exception as error:  # jsonargparse wraps whatever a constructor raises
            raise user_error_behind(error) or error from error

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """A trainer with the callback no configuration can leave out."""
        try:
            trainer: Any = super().instantiate_trainer(**kwargs)
        except ValueError as error:  # an accelerator or a precision that there is not
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        trainer.callbacks.insert(0, StepSeed(int(self._get(self.config, "seed_everything"))))
        return trainer

    def before_fit(self) -> None:
        """Begin the run."""
        self._begin()

    def before_validate(self) -> None:
        """Begin the run."""
        self._begin()

    def before_test(self) -> None:
        """Begin the run."""
        self._begin()

    def _begin(self) -> None:
        """Make the folder, now that everything was found and built."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:
            self.folder.make(trains=self.subcommand == "fit")
            for logger in self.trainer.loggers:
                logger.log_hyperparams(self.folder.record)

    def _run_subcommand(self, subcommand: str) -> None:
        """Fit, validate, test or predict."""
        with loading_checkpoint(self._get(self.config, "ckpt_path")):
            super()._run_subcommand(subcommand)

    def after_test(self) -> None:
        """Write the report."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:
            self.write_page()

    def write_page(self) -> None:
        """Write the run's page, and show its curves in W&B."""
        page = write_report(self.folder.path)
        for curve in sorted(page.parent.glob("*.png")):
            log_picture(self.trainer.loggers, curve)
        write(f"report: {page}")

    def before_predict(self) -> None:
        """Say what is embedded, and where to; there is no run, and so no folder of one."""
        config, output = self.config_init["predict"], Path(self.config_init["predict"]["output"])
        if output.suffix != ".npz" or not output.parent.is_dir():
            raise UserError(f"--output {output}: expected a .npz file in a folder that exists")
        if not isinstance(self.datamodule, EvaluationModule):
            raise UserError(f"data {type(self.datamodule).__name__}: predict needs an EvaluationModule")
        self.trainer.loggers = []
        self.datamodule.predict_folder = Path(config["images"])
        self.trainer.callbacks.append(WriteEmbeddings(output, self.datamodule.predict_paths()))
        self.config_init["predict"]["return_predictions"] = False


class Built(MaskrecCLI):
    """Builds data, method and trainer; runs nothing, and makes no folder."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing is run."""


class ConfigCheck(Built):
    """Reads the configuration, and compares it with that of a run that goes on; builds and runs nothing."""

    def _set_seed(self) -> None:
        """Nothing is drawn."""

    def instantiate_classes(self) -> None:
        """Nothing is built."""
