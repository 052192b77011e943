// Watches one end of a call from inside its page: how open the mouth is in each picture, whether the face moved, how loud
// each piece of sound is.
// Times are milliseconds since 1970: both ends and every program of a machine read one clock.

(() => {
  const SIDE = 24;
  const MOUTH = [0.42, 0.385, 0.14, 0.095]; // left, top, width and height of the film's mouth, in the middle square
  const FACE = [0.36, 0.24, 0.26, 0.26];
  const MOVED = 4; // grey levels of one of the face's points
  const AHEAD = 3000; // pieces that may wait for a busy page
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });

  const tap = { mouth: [], sound: [], moved: [] };
  window.tap = tap;

  /** How little green the mouth has, 0..1: less, the wider it is open. */
  function openness(picture, width, height, mouth = MOUTH) {
    const data = points(picture, width, height, mouth);
    let green = 0;
    for (let i = 1; i < data.length; i += 4) green += data[i];
    return 1 - green / (255 * SIDE * SIDE);
  }

  /** Whether the face differs from what it was when it moved last. */
  let stood = null;
  function moved(picture, width, height) {
    const data = points(picture, width, height, FACE).filter((_, i) => i % 4 === 1);
    const differs = !stood || data.some((value, i) => Math.abs(value - stood[i]) > MOVED);
    if (differs) stood = data;
    return differs;
  }

  function points(picture, width, height, [x, y, w, h]) {
    const side = Math.min(width, height);
    const [left, top] = [(width - side) / 2, (height - side) / 2];
    context.drawImage(picture, left + x * side, top + y * side, w * side, h * side, 0, 0, SIDE, SIDE);
    return context.getImageData(0, 0, SIDE, SIDE).data;
  }

  /** Look at what a `<video>` shows, when it is to be seen; its mouth may be elsewhere than the film's. */
  tap.look = (selector, mouth = MOUTH) => {
    const video = document.querySelector(selector);
    const look = (_, { expectedDisplayTime }) => {
      const [shownMs, { videoWidth, videoHeight }] = [performance.timeOrigin + expectedDisplayTime, video];
      tap.mouth.push([shownMs, openness(video, videoWidth, videoHeight, mouth)]);
      if (moved(video, videoWidth, videoHeight)) tap.moved.push(shownMs);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  };

  /** Look at what a camera gives, by the camera's own clock, however busy the page is. */
  tap.film = async (track) => {
    const reader = new MediaStreamTrackProcessor({ track: track.clone(), maxBufferSize: 50 }).readable.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      tap.mouth.push([onClock("film", frame.timestamp), openness(frame, frame.displayWidth, frame.displayHeight)]);
      frame.close();
    }
  };

  /** Hear a track, by its own clock. */
  tap.hear = async (track) => {
    const reader = new MediaStreamTrackProcessor({ track: track.clone(), maxBufferSize: AHEAD }).readable.getReader();
    for (;;) {
      const { value: piece, done } = await reader.read();
      if (done) return;
      const pcm = new Float32Array(piece.numberOfFrames);
      piece.copyTo(pcm, { planeIndex: 0, format: "f32-planar" });
      tap.sound.push([onClock("sound", piece.timestamp), Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length)]);
      piece.close();
    }
  };

  /** Everything since the last time. */
  tap.collect = () => {
    const { mouth, sound, moved: moves } = tap;
    [tap.mouth, tap.sound, tap.moved] = [[], [], []];
    return { mouth, sound, moved: moves };
  };

  // A stream's clock is tied to ours by what came soonest: the page may be late to read, the stream is not.
  const offsets = {};
  function onClock(stream, stampUs) {
    const offset = performance.timeOrigin + performance.now() - stampUs / 1000;
    offsets[stream] = Math.min(offsets[stream] ?? offset, offset);
    return stampUs / 1000 + offsets[stream];
  }
})();
