"""Families of `transformers` with small random configurations; nothing is downloaded."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig

# By family what its own names and limits need; everything else is drawn.
FAMILIES: dict[str, dict[str, Any]] = {
    "albert": {},
    "bart": {},
    "beit": {},
    "bert": {},
    "big_bird": {"attention_type": "original_full"},
    "biogpt": {},
    "blenderbot-small": {},
    "bloom": {},
    "camembert": {},
    "canine": {},
    "codegen": {"rotary_dim": 4},
    "convbert": {},
    "convnext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
    "ctrl": {},
    "deberta": {},
    "deberta-v2": {},
    "deit": {},
    "dinov2": {},
    "distilbert": {},
    "electra": {},
    "fnet": {},
    "gemma": {},
    "gemma2": {},
    "glm": {},
    "gpt2": {},
    "gpt_bigcode": {},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2},
    "gpt_neox": {},
    "gptj": {"rotary_dim": 4},
    "granite": {},
    "ibert": {},
    "layoutlm": {},
    "llama": {},
    "longformer": {"attention_window": 4},
    "m2m_100": {},
    "marian": {},
    "mistral": {},
    "mixtral": {},
    "mobilebert": {"true_hidden_size": 16, "intra_bottleneck_size": 16},
    "modernbert": {},
    "mpnet": {},
    "mpt": {},
    "mt5": {},
    "nystromformer": {},
    "olmo": {},
    "opt": {},
    "pegasus": {},
    "phi": {},
    "phi3": {},
    "qwen2": {},
    "qwen3": {},
    "rembert": {},
    "roberta": {},
    "roformer": {},
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2},
    "t5": {},
    "umt5": {},
    "vit": {},
    "vit_mae": {},
    "whisper": {},
    "xglm": {},
    "xlm": {},
    "xlm-roberta": {},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}

_PARTS = ("text_config", "vision_config", "encoder", "decoder", "audio_config")


def drawn(family: str) -> tuple[nn.Module, list[object], dict[str, Tensor]]:
    """Return a model of a family, its sizes drawn by the family's name, and its inputs."""
    chance = random.Random(family)  # noqa: S311  # sizes, no secrets
    torch.manual_seed(chance.randrange(1000))
    config = AutoConfig.for_model(family)
    _shrink(config, chance.choice([2, 4]), chance.choice([4, 8]), chance.choice([1, 2]), chance)
    for name, value in FAMILIES[family].items():
        setattr(config, name, value)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: config.num_hidden_layers]
    model = AutoModel.from_config(config).eval()
    return model, [], _inputs(model, config, chance)


def _shrink(
    config: PreTrainedConfig, heads: int, size: int, layers: int, chance: random.Random
) -> None:
    width, inner = heads * size, 2 * heads * size
    small = [
        (width, "hidden_size d_model n_embd dim embedding_size emb_dim embed_dim projection_dim"),
        (layers, "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers"),
        (layers, "num_decoder_layers num_encoder_layers num_hidden_groups"),
        (heads, "num_attention_heads n_head n_heads encoder_attention_heads num_heads"),
        (heads, "decoder_attention_heads"),
        (inner, "intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim d_ff hidden_dim dff"),
        (inner, "n_inner d_inner ffn_hidden_size"),
        (size, "head_dim d_kv d_head attention_head_size"),
    ]
    for value, names in small:
        for name in names.split():
            if isinstance(getattr(config, name, None), int):
                setattr(config, name, value)
    plain = {
        "num_key_value_heads": heads,
        "vocab_size": 100 + chance.randrange(20),
        "max_position_embeddings": 128,
        "max_source_positions": 64,
        "max_target_positions": 64,
        "n_positions": 128,
        "n_ctx": 128,
        "num_local_experts": 4,
        "image_size": 16,
        "patch_size": 4,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
    }
    for name, value in plain.items():
        if getattr(config, name, None) is not None or (
            name.endswith("_id") and hasattr(config, name)
        ):
            setattr(config, name, value)
    for part in _PARTS:
        inside = getattr(config, part, None)
        if isinstance(inside, PreTrainedConfig):
            _shrink(inside, heads, size, layers, chance)


def _inputs(model: nn.Module, config: PreTrainedConfig, chance: random.Random) -> dict[str, Tensor]:
    tokens = torch.randint(3, 99, (2, chance.choice([8, 12])))
    name = model.main_input_name
    if name == "pixel_values":
        side = getattr(config, "image_size", None)
        side = side if isinstance(side, int) else 32
        given = {name: torch.randn(2, 3, side, side)}
    elif name == "input_values":
        given = {name: torch.randn(2, 2000)}
    elif name == "input_features":
        given = {name: torch.randn(2, 80, 128)}
    else:
        given = {name: tokens}
    if getattr(config, "is_encoder_decoder", False):
        given["decoder_input_ids"] = tokens[:, :6]
    return given
