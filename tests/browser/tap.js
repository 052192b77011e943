// Watches one call from inside the page: the sound as it is received, parts of each decoded picture, the
// captions and who has the floor. All times are milliseconds of the page's clock, `performance.now()`.

(() => {
  const [PATCH_W, PATCH_H] = [48, 32];
  const LOUD = 0.02;
  const LISTEN_AHEAD = 3000; // ten-millisecond pieces that may wait for a busy page

  const tap = { sound: [], pieces: [], patches: [], frames: [], captions: [], states: [], sentMs: [], room: [], pc: null };
  window.tap = tap;

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options);
      tap.pc = this;
    }

    createDataChannel(...options) {
      const channel = super.createDataChannel(...options);
      channel.addEventListener("message", ({ data }) => {
        const { kind, values } = JSON.parse(data);
        if (kind === "stats") tap.room.push({ ms: performance.now(), ...values });
      });
      return channel;
    }
  };

  /** Begin. `regions` are [x, y, width, height] in fractions of the picture. */
  tap.start = (regions) => {
    const video = document.querySelector("#video");
    watchWords();
    watchPictures(video, regions);
    recordSound(video.srcObject.getAudioTracks()[0]);
  };

  /** Milliseconds since sound began that had no pause longer than 100 ms; 0 in silence. */
  tap.soundingMs = () => {
    const { pieces } = tap;
    let first = pieces.length;
    for (let i = first - 1; i >= 0 && pieces[Math.min(first, pieces.length - 1)].ms - pieces[i].ms < 100; i -= 1) {
      if (pieces[i].peak > LOUD) first = i;
    }
    return first < pieces.length ? pieces.at(-1).ms - pieces[first].ms : 0;
  };

  /** Everything so far. Taken all at once: more comes in while the browser's own figures are asked for. */
  tap.collect = async () => {
    const { pieces, frames, captions, states, sentMs, room } = tap;
    const sofar = structuredClone({ pieces, frames, captions, states, sentMs, room });
    const [sound, patches] = [new Blob(tap.sound), new Blob(tap.patches)];
    const reports = [...(await tap.pc.getStats()).values()];
    return {
      ...sofar,
      patchShape: [PATCH_H, PATCH_W],
      sound: await base64(sound),
      patches: await base64(patches),
      inbound: reports.filter((report) => report.type === "inbound-rtp"),
    };
  };

  /** Keep the decoded sound. Each piece: when it came, its own timestamp, its size, and how loud it is. */
  async function recordSound(track) {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: LISTEN_AHEAD }).readable.getReader();
    for (;;) {
      const { value: piece, done } = await reader.read();
      if (done) return;
      const pcm = new Float32Array(piece.numberOfFrames);
      piece.copyTo(pcm, { planeIndex: 0, format: "f32-planar" });
      const peak = pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      tap.sound.push(Int16Array.from(pcm, (sample) => Math.max(-32768, Math.min(32767, 32768 * sample))));
      tap.pieces.push({ ms: performance.now(), stampUs: piece.timestamp, rateHz: piece.sampleRate, size: pcm.length, peak });
      piece.close();
    }
  }

  function watchPictures(video, regions) {
    const canvas = new OffscreenCanvas(PATCH_W * regions.length, PATCH_H);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const look = (_, { presentationTime, presentedFrames, rtpTimestamp }) => {
      const { videoWidth: w, videoHeight: h } = video;
      regions.forEach(([x, y, width, height], i) => {
        context.drawImage(video, x * w, y * h, width * w, height * h, i * PATCH_W, 0, PATCH_W, PATCH_H);
      });
      tap.patches.push(grey(context.getImageData(0, 0, canvas.width, PATCH_H).data));
      tap.frames.push({ ms: presentationTime, count: presentedFrames, rtp: rtpTimestamp });
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }

  function watchWords() {
    const { body } = document;
    const noteState = () => tap.states.push({ ms: performance.now(), state: body.dataset.state });
    const noteWords = (changes) => {
      const messages = new Set(changes.flatMap(({ target, addedNodes }) => [target, ...addedNodes]));
      for (const message of messages) {
        if (!message.matches?.(".message")) continue;
        const who = message.matches(".avatar") ? "avatar" : "visitor";
        const final = message.dataset.final === "true";
        tap.captions.push({ ms: performance.now(), who, text: message.textContent, final });
      }
    };
    noteState();
    new MutationObserver(noteState).observe(body, { attributeFilter: ["data-state"] });
    new MutationObserver(noteWords).observe(document.querySelector("#messages"), {
      childList: true, subtree: true, attributeFilter: ["data-final"],
    });
    document.querySelector("#dock").addEventListener("submit", () => tap.sentMs.push(performance.now()), true);
  }

  function grey(rgba) {
    const values = new Uint8Array(rgba.length / 4);
    for (let i = 0; i < values.length; i += 1) {
      values[i] = 0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2];
    }
    return values;
  }

  async function base64(blob) {
    const reader = new FileReader();
    const read = new Promise((done) => (reader.onload = done));
    reader.readAsDataURL(blob);
    await read;
    return reader.result.slice(reader.result.indexOf(",") + 1);
  }
})();
