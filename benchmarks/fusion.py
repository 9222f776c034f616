"""How long the nested evaluation of all fusion methods takes, and how long calibration, its controls, and the worth of the encoders.

    OMP_NUM_THREADS=1 python benchmarks/fusion.py [--persons 47]

12 simulated encoders, 54 clips per person, five folds, the options of params.yaml; CPU seconds of one process.
"""

import argparse
import time
from pathlib import Path

import yaml

from blemore.decide.run import calibrate, rows_of_views
from blemore.evaluate.gains import gain, style
from blemore.evaluate.worth import worth_of_tables
from blemore.fusion.run import fuse
from blemore.simulation.study import Settings, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=47)
    wanted = parser.parse_args()
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    study, options, seed = simulate(Settings(persons=wanted.persons), 0), params["calibration"], params["seed"]
    print("| step | CPU s |\n| --- | ---: |")
    for name in (*params["fusion"]["candidates"], "auto"):
        start = time.process_time()
        fused = fuse(study.tables, study.clips, params["fusion"] | {"method": name}, families=study.families, seed=seed)
        print(
            f"| nested fusion, {'all methods and the choice' if name == 'auto' else name} | {time.process_time() - start:.1f} |"
        )
    start = time.process_time()
    decoding = {"decoding": params["decoding"], "personal": options["personal"]}
    calibrate(fused.views, fused.probabilities, study.clips, **decoding)
    print(f"| decoders and personal models | {time.process_time() - start:.1f} |")
    start = time.process_time()
    rows = rows_of_views(fused.views, study.clips)
    gain(rows, **decoding, controls=options["controls"], seed=seed)
    style(rows, draws=options["controls"], seed=seed)
    print(f"| the gain and {options['controls']} draws of each control | {time.process_time() - start:.1f} |")
    start = time.process_time()
    origins = dict.fromkeys(study.tables, "pretrained") | {"e00": "finetuned"}
    worth_of_tables(study.tables, study.clips, origins=origins, costs={}, seed=seed)
    print(f"| the worth of each encoder | {time.process_time() - start:.1f} |")


if __name__ == "__main__":
    main()
