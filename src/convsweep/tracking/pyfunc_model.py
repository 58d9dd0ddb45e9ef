"""A trained network as an MLflow model. This file travels with the model: it needs NumPy and mlflow, nothing else.

model = mlflow.pyfunc.load_model("runs:/RUN_ID/model")
model.predict(images)  # integers 0..255, [N, 28, 28] -> one row an image: digit, p0 .. p9

Floats are refused: 0..1 and 0..255 can't be told apart in a dark image, and a guess would be wrong without a sign.
"""

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

IMAGES_AT_ONCE = 256  # bounds the memory for patches


class DigitClassifier(PythonModel):
    """The forward pass over whole batches of images."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the parameters: filters [F, 3, 3], weights [B * F, 10], biases [10]."""
        with np.load(context.artifacts["checkpoint"], allow_pickle=False) as checkpoint:
            self.filters = checkpoint["filters"]
            self.weights = checkpoint["weights"]
            self.biases = checkpoint["biases"]
        self.pixels = context.model_config["pixels"]  # the range that the network was trained on
        # 13 x 13 blocks of an unpadded image, 14 x 14 of one with a border of zeros
        self.padded = len(self.weights) == 14 * 14 * len(self.filters)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's interface
        model_input: np.ndarray,
        params: dict[str, object] | None = None,  # noqa: ARG002 - MLflow's interface
    ) -> pd.DataFrame:
        """Return the digit and its probabilities, one row an image; no images give no rows.

        Raises:
            MlflowException: The input isn't an array ``[N, 28, 28]`` of integers 0 to 255.
        """
        images = _checked(model_input)
        parts = [images[i : i + IMAGES_AT_ONCE] for i in range(0, len(images), IMAGES_AT_ONCE)]
        nothing = np.empty((0, 10))
        probabilities = np.concatenate([nothing, *(self._probabilities(part) for part in parts)])
        table = pd.DataFrame(probabilities, columns=[f"p{digit}" for digit in range(10)])
        table.insert(0, "digit", probabilities.argmax(axis=1))
        return table

    def _probabilities(self, images: np.ndarray) -> np.ndarray:
        seen = {"centred": images / 255 - 0.5, "unit": images / 255, "bytes": images}[self.pixels]
        pixels = seen.astype(self.filters.dtype)  # [N, 28, 28]
        if self.padded:
            pixels = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))
        maps = np.einsum("nijxy,fxy->nijf", windows, self.filters)  # [N, 26, 26, F]
        num, height, width, filters = maps.shape
        pooled = maps.reshape(num, height // 2, 2, width // 2, 2, filters).max(axis=(2, 4))  # [N, 13, 13, F]
        logits = pooled.reshape(num, -1) @ self.weights + self.biases
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities


def _checked(model_input: object) -> np.ndarray:
    """Return images ``[N, 28, 28]`` of integers 0 to 255."""
    try:
        # MLflow gives what it has read from JSON as an array of objects: as lists, they become integers, floats or text
        images = np.asarray(model_input)
        images = np.array(images.tolist()) if images.dtype == object else images
    except ValueError as error:  # rows of unlike length
        raise MlflowException.invalid_parameter_value(
            "Images must be an array [N, 28, 28] (got a ragged one)."
        ) from error
    if images.shape in ((0,), (0, 28, 28)):
        return np.empty((0, 28, 28), np.uint8)
    if images.shape[1:] != (28, 28):
        raise MlflowException.invalid_parameter_value(
            f"Images must be an array [N, 28, 28] (got {list(images.shape)}); a single one is images[None]."
        )
    if images.dtype.kind not in "iu":
        raise MlflowException.invalid_parameter_value(
            f"Pixels must be integers from 0 (background) to 255 (ink) (got {images.dtype}). "
            "Floats from 0 to 1: (images * 255).round().astype('uint8')."
        )
    low, high = images.min(), images.max()
    if low < 0 or high > 255:
        raise MlflowException.invalid_parameter_value(
            f"Pixels must be integers from 0 (background) to 255 (ink) (got {low} to {high})."
        )
    return images


mlflow.models.set_model(DigitClassifier())
