// The visitor's camera: permission, and the face in its pictures by MediaPipe's web tasks, which the room serves itself.

const BUNDLE = "/tracker/vision_bundle.mjs";
const WASM = "/tracker/wasm";
const MODEL = "/tracker/face_landmarker.task";
const WISH = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, facingMode: "user" };
const PATIENCE_MS = 60_000;
const HALF_PICTURE_MS = 20; // looks come at even times: at the picture nearest to when there is time
const DRIFT_MS = 0.002; // by which two clocks may part from one picture to the next
const SHARE = 0.6; // of the time that looking may take: where each look takes long, fewer pictures are looked at

let loading = null;

/** Load the tracker once; 13 MB from the room itself. */
function landmarker() {
  loading ??= (async () => {
    const { FaceLandmarker, FilesetResolver } = await import(BUNDLE);
    const files = await FilesetResolver.forVisionTasks(WASM);
    return FaceLandmarker.createFromOptions(files, {
      baseOptions: { modelAssetPath: MODEL, delegate: "CPU" },
      runningMode: "VIDEO", numFaces: 1, outputFaceBlendshapes: true, outputFacialTransformationMatrixes: true,
    });
  })();
  loading.catch(() => (loading = null));
  return loading;
}

/** A face as `Retarget` wants it: 52 weights by name, and the head's turn without the matrix's scale. */
export function faceOf(result, names) {
  if (!result.faceBlendshapes.length) return null;
  const scores = new Map(result.faceBlendshapes[0].categories.map(({ categoryName, score }) => [categoryName, score]));
  const { data } = result.facialTransformationMatrixes[0]; // columns, one after another
  const lengths = [0, 1, 2].map((column) => Math.hypot(data[4 * column], data[4 * column + 1], data[4 * column + 2]));
  const rotation = Array.from({ length: 9 }, (_, i) => data[4 * (i % 3) + Math.floor(i / 3)] / lengths[i % 3]);
  return { expression: names.map((name) => scores.get(name) ?? 0), rotation };
}

export class Camera extends EventTarget {
  constructor(video) {
    super();
    this.video = video;
    this.stream = null;
    this.problem = null;
    this.trackMs = 0;
  }

  get isOn() {
    return this.stream !== null;
  }

  /** Ask for the camera and begin to show it; returns whether it is there, with the reason in `problem` if not. */
  async open() {
    this.close();
    this.problem = null;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.problem = "Browsers give cameras to HTTPS pages only.";
      return false;
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: WISH });
    } catch (error) {
      this.problem = error.name === "NotAllowedError" ? "The camera is blocked for this page." : `The camera did not start (${error.name}).`;
      return false;
    }
    const [track] = this.stream.getVideoTracks();
    track.onended = () => {
      this.close();
      this.problem = "The camera was unplugged.";
      this.dispatchEvent(new Event("lost"));
    };
    this.video.srcObject = this.stream;
    await this.video.play();
    return true;
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Call `onFace(result, capturedMs)` for each picture that is looked at, as long as the camera is on. */
  async watch(onFace) {
    const { stream } = this;
    const tracker = await Promise.race([
      landmarker(), new Promise((_, fail) => setTimeout(fail, PATIENCE_MS, new Error("The face tracker does not start."))),
    ]);
    let last = 0;
    let freeMs = 0;
    const see = (picture, capturedMs) => {
      const began = performance.now();
      if (began < freeMs) return;
      const at = Math.max(began, last + 1); // the tracker wants times that rise
      last = at;
      const result = tracker.detectForVideo(picture, at);
      const ended = performance.now();
      this.trackMs += 0.1 * (ended - began - this.trackMs);
      freeMs = ended + this.trackMs * (1 / SHARE - 1) - HALF_PICTURE_MS;
      onFace(result, capturedMs);
    };
    if ("MediaStreamTrackProcessor" in window) this.#read(stream, see);
    else this.#look(stream, see);
  }

  /** Look at pictures as the camera gives them: sooner than they are shown, and in a hidden page too. */
  async #read(stream, see) {
    const [track] = stream.getVideoTracks();
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
    let soonestMs = Infinity; // our clock less the camera's
    for (;;) {
      const { value: picture, done } = await reader.read();
      if (done) return;
      const takenMs = picture.timestamp / 1000;
      soonestMs = Math.min(soonestMs + DRIFT_MS, performance.now() - takenMs);
      if (this.stream === stream) see(picture, takenMs + soonestMs);
      picture.close();
    }
  }

  /** Look at pictures as they are shown, where the browser gives them in no other way. */
  #look(stream, see) {
    const look = (now, { captureTime }) => {
      if (this.stream !== stream) return;
      see(this.video, captureTime ?? now);
      this.video.requestVideoFrameCallback(look);
    };
    this.video.requestVideoFrameCallback(look);
  }
}
