"""The limits that a lossy result must keep, and how to try again.

A result that misses a limit is compressed again at higher quality, a few times;
then losslessly, where the target may be lossless; else the original is kept.
"""

from __future__ import annotations

import dataclasses

from ..codec.contract import EncodeOptions
from ..model import Rules
from .measures import Measures

ATTEMPTS = 5


def options_for(keyword: str, rules: Rules, cap: float) -> EncodeOptions:
    """What to ask of the codec, at first."""
    aim = rules.lossy_targets.get(keyword, {})
    ratio = aim.get("Ratio")
    near = aim.get("Near")
    return EncodeOptions(
        quality=int(aim.get("Quality", rules.quality)),
        psnr=aim.get("PSNR"),
        ratio=min(ratio, cap) if ratio and cap else ratio,
        near=int(near) if near else None,
        effort=rules.effort,
        bypass=rules.bypass,
    )


def better(options: EncodeOptions) -> EncodeOptions:
    """The same aim, a good step nearer to the original."""
    return dataclasses.replace(
        options,
        quality=min(100, options.quality + max(1, (100 - options.quality) // 2)),
        psnr=options.psnr + 6 if options.psnr else None,
        ratio=max(1.0, options.ratio / 1.5) if options.ratio else None,
        near=options.near // 2 or 1 if options.near else None,
    )


def ratio_cap(rules: Rules, modality: str, body_part: str) -> float:
    """The greatest ratio that is allowed for such an image; 0 where any is."""
    caps = rules.maximum_ratio
    return caps.get(f"{modality}/{body_part}", caps.get(modality, 0))


def missed(measures: Measures, ratio: float, rules: Rules, cap: float) -> str:
    """Say which limit was missed, or nothing."""
    if rules.maximum_error and measures.maximum_error > rules.maximum_error:
        return f"maximum error {measures.maximum_error}, limit {rules.maximum_error}"
    if rules.minimum_psnr and measures.psnr < rules.minimum_psnr:
        return f"PSNR {measures.psnr:.1f} dB, limit {rules.minimum_psnr} dB"
    if cap and ratio > cap:
        return f"ratio {ratio:.2f}, limit {cap}"
    return ""
