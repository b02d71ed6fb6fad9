"""Films as a player sees them: their exact format, and that a seed determines every pixel."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest

from wan_simulator.films import Renderer
from wan_simulator.render import FilmAbandonedError, Shot, render, render_still
from wan_simulator.render.palettes import palette_of
from wan_simulator.render.scenery import Scenery
from wan_simulator.render.titles import Titles
from wan_simulator.render.tune import compose
from wan_simulator.testing import frames_of, image, shows

SHOT = Shot("a fox", "wan2.6-t2v", 96, 64, seconds=1, fps=30, audio=True, watermark=True, seed=7)


def rendered(shot: Shot, folder: Path, renderer: Renderer = render) -> Path:
    path = folder / "film.mp4"
    renderer(shot, path, Event())
    return path


@pytest.mark.parametrize("renderer", [render, render_still])
@pytest.mark.parametrize("size", [(96, 64), (64, 96), (80, 80)])
def test_a_film_has_exactly_the_requested_format(renderer: Renderer, size: tuple[int, int], tmp_path: Path) -> None:
    path = rendered(replace(SHOT, width=size[0], height=size[1]), tmp_path, renderer)
    with av.open(str(path)) as film:
        video, sound = film.streams.video[0], film.streams.audio[0]
        frames = sum(1 for _ in film.decode(video=0))

        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, frames) == (*size, 30)
        assert video.average_rate == Fraction(30)
        assert (sound.codec_context.name, film.duration) == ("aac", av.time_base)


def test_the_picture_of_a_still_film_changes_only_where_a_shot_or_an_image_begins(tmp_path: Path) -> None:
    images = (image(96, 64, seed=1), image(96, 64, seed=2))
    shot = replace(SHOT, seconds=3, scenes=3, audio=False, images=images)
    path = rendered(shot, tmp_path, render_still)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]

    assert [place + 1 for place, change in enumerate(changes) if change > 5] == [1, 30, 60, 89]
    assert [shows(frame, images[at]) for at, frame in enumerate(frames_of(path.read_bytes(), 0, -1))] == [True, True]


def test_a_silent_model_makes_a_film_without_a_sound_track(tmp_path: Path) -> None:
    with av.open(str(rendered(replace(SHOT, audio=False), tmp_path))) as film:
        assert [stream.type for stream in film.streams] == ["video"]


def test_the_index_comes_before_the_pictures_so_that_a_player_can_begin_at_once(tmp_path: Path) -> None:
    data = rendered(SHOT, tmp_path).read_bytes()

    assert data[4:8] == b"ftyp"
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_film_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    assert [path.name for path in rendered(SHOT, tmp_path).parent.iterdir()] == ["film.mp4"]


def test_an_abandoned_film_stops_and_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    abandoned = Event()
    abandoned.set()

    with pytest.raises(FilmAbandonedError):
        render(SHOT, tmp_path / "film.mp4", abandoned)

    assert not (tmp_path / "film.mp4").exists()


def test_the_same_prompt_and_seed_make_the_same_picture_and_tune() -> None:
    one, other = (Scenery(96, 64, 1, SHOT.entropy()).picture(0.5) for _ in range(2))

    assert np.array_equal(one, other)
    assert np.array_equal(compose(1, SHOT.entropy()), compose(1, SHOT.entropy()))


@pytest.mark.parametrize("change", [{"prompt": "a bear"}, {"seed": 8}])
def test_another_prompt_or_seed_makes_another_picture(change: dict[str, str]) -> None:
    other = replace(SHOT, **change)  # type: ignore[arg-type]  # one field at a time

    assert not np.array_equal(
        Scenery(96, 64, 1, SHOT.entropy()).picture(0.5), Scenery(96, 64, 1, other.entropy()).picture(0.5)
    )


@pytest.mark.parametrize("seed", range(24))
def test_every_landscape_moves(seed: int) -> None:
    scenery = Scenery(96, 64, 2, seed)

    assert not np.array_equal(scenery.picture(0.0), scenery.picture(1.9))


def test_a_tune_is_audible_and_within_the_range_of_a_speaker() -> None:
    sound = compose(3, 5)

    assert sound.shape == (2, 3 * 48_000)
    assert 0.05 < np.abs(sound).max() <= 1.0


def test_each_shot_of_a_multi_shot_film_has_its_own_colours_and_starts_with_a_cut(tmp_path: Path) -> None:
    path = rendered(replace(SHOT, seconds=3, scenes=3, audio=False), tmp_path)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]
    greatest = sorted(range(len(changes)), key=lambda place: changes[place])[-2:]

    assert sorted(place + 1 for place in greatest) == [30, 60]


@pytest.mark.parametrize("entropy", range(0, 60, 7))
def test_no_two_shots_of_one_film_share_a_palette(entropy: int) -> None:
    assert len({id(palette_of(entropy, scene)) for scene in range(5)}) == 5


def test_the_frames_of_the_shots_are_those_of_the_film() -> None:
    shot = replace(SHOT, seconds=5, scenes=4)

    assert [number for frames in shot.scene_frames() for number in frames] == list(range(shot.frames))


def test_a_shot_shows_its_number() -> None:
    titles = Titles(replace(SHOT, width=640, height=360, scenes=2, seconds=2))
    heads = []
    for scene in range(2):
        frame = av.VideoFrame.from_ndarray(np.full((540, 640), 128, dtype=np.uint8), format="yuv420p")
        titles.write(frame, 0, scene)
        heads.append(frame.to_ndarray()[:40])

    assert not np.array_equal(heads[0], heads[1])


def test_the_watermark_is_at_the_bottom_right() -> None:
    def written(*, watermark: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        frame = av.VideoFrame.from_ndarray(np.full((540, 640), 128, dtype=np.uint8), format="yuv420p")
        Titles(replace(SHOT, prompt="x", width=640, height=360, watermark=watermark)).write(frame, 0)
        return frame.to_ndarray()[:360].astype(np.uint8)

    with_mark = written(watermark=True)[-40:-10]

    assert int((with_mark[:, 560:] > 150).sum()) > 20
    assert int((with_mark[:, :320] > 150).sum()) == 0
    assert int((written(watermark=False)[-40:-10, 560:] > 150).sum()) == 0
