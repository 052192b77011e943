// The settings sheet: microphone mode, devices, volume, subtitles.

import { $, el, toast } from "./dom.js";

export class Settings {
  constructor(microphone, video, onDevice, onClose) {
    this.microphone = microphone;
    this.video = video;
    $("settings-open").onclick = () => this.open();
    for (const radio of document.querySelectorAll("[name=mic-mode]")) {
      radio.checked = radio.value === microphone.mode;
      radio.onchange = () => {
        microphone.setMode(radio.value);
        showHint(microphone);
      };
    }
    $("mic-device").onchange = ({ target }) => {
      microphone.deviceId = target.value;
      localStorage.setItem("visavis-mic", target.value);
      onDevice();
    };
    $("speaker-device").onchange = ({ target }) => this.#useSpeaker(target.value);
    $("volume").oninput = ({ target }) => (video.volume = Number(target.value));
    $("subtitles-on").checked = localStorage.getItem("visavis-subtitles") === "on";
    $("subtitles-on").onchange = ({ target }) => {
      localStorage.setItem("visavis-subtitles", target.checked ? "on" : "off");
      if (!target.checked) $("subtitle").classList.remove("shown");
    };
    closeOnBackdrop($("settings"));
    $("settings").onclose = onClose;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listDevices());
  }

  async open() {
    $("settings").showModal();
    await this.#listDevices();
  }

  async #listDevices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const fill = (select, kind, chosen, fallback) => {
      const found = devices.filter((device) => device.kind === kind && device.deviceId);
      const options = found.map((d, i) => el("option", { value: d.deviceId, textContent: d.label || `${fallback} ${i + 1}` }));
      select.replaceChildren(...(options.length ? options : [el("option", { value: "", textContent: "Standard" })]));
      if (found.some((device) => device.deviceId === chosen)) select.value = chosen;
    };
    fill($("mic-device"), "audioinput", this.microphone.track?.getSettings().deviceId ?? this.microphone.deviceId, "Microphone");
    fill($("speaker-device"), "audiooutput", this.video.sinkId ?? "", "Speaker");
    $("speaker-row").hidden = !("setSinkId" in this.video);
  }

  async #useSpeaker(id) {
    try {
      await this.video.setSinkId(id);
    } catch (error) {
      toast(`This speaker cannot be used (${error.name}).`, "warning");
    }
  }
}

export function showHint(microphone) {
  const hint = $("hint");
  const talk = microphone.mode === "talk" && microphone.track && document.body.dataset.phase === "live";
  hint.hidden = !talk && !microphone.problem;
  if (talk) hint.replaceChildren("Hold ", el("kbd", { textContent: "space" }), " or the microphone while you speak");
  else hint.textContent = microphone.problem ?? "";
  if (document.body.dataset.phase === "lobby") hint.hidden = true;
}

export function closeOnBackdrop(dialog, close = () => dialog.close()) {
  dialog.addEventListener("click", ({ target, clientX: x, clientY: y }) => {
    const box = dialog.getBoundingClientRect();
    const outside = x < box.left || x > box.right || y < box.top || y > box.bottom;
    if (target === dialog && outside) close();
  });
}
