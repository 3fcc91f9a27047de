using System.Text.Json;
using Sana.Inference.Runtime;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Large images are stored as means of 8×8 blocks and one square in full.</summary>
internal static class PartlyStored
{
    private const int Block = 8;

    public static void Check(ReferenceCheckpoint reference, string name, FloatTensor actual, double relative) => Check(reference.Json, reference.Tensor, name, actual, relative);

    public static void Check(JsonElement json, Func<string, FloatTensor> tensor, string name, FloatTensor actual, double relative)
    {
        var largest = json.GetProperty("abs_max").GetProperty(name).GetDouble();
        var at = json.GetProperty("detail_at").GetProperty(name);
        Within(tensor($"{name}.mean8"), Means(actual), relative * largest);
        var detail = tensor($"{name}.detail");
        Within(detail, Square(actual, at[0].GetInt32(), at[1].GetInt32(), detail.Shape), relative * largest);
    }

    private static void Within(FloatTensor expected, FloatTensor actual, double tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        for (var i = 0; i < expected.Data.Length; i++)
        {
            Assert.InRange(Math.Abs((double)expected.Data[i] - actual.Data[i]), 0, tolerance);
        }
    }

    private static FloatTensor Means(FloatTensor x)
    {
        var (height, width) = (x.Shape[2], x.Shape[3]);
        var means = FloatTensor.Zeros(x.Shape[0], x.Shape[1], height / Block, width / Block);
        var sums = new double[means.Data.Length];
        for (var i = 0L; i < x.Data.Length; i++)
        {
            var (plane, row, column) = (i / (height * width), i / width % height, i % width);
            sums[(((plane * (height / Block)) + (row / Block)) * (width / Block)) + (column / Block)] += x.Data[i];
        }

        for (var i = 0; i < sums.Length; i++)
        {
            means.Data[i] = (float)(sums[i] / (Block * Block));
        }

        return means;
    }

    private static FloatTensor Square(FloatTensor x, int top, int left, long[] shape)
    {
        var square = FloatTensor.Zeros(shape);
        for (var i = 0L; i < square.Data.Length; i++)
        {
            var (plane, row, column) = (i / (shape[2] * shape[3]), i / shape[3] % shape[2], i % shape[3]);
            square.Data[i] = x.Data[(((plane * x.Shape[2]) + top + row) * x.Shape[3]) + left + column];
        }

        return square;
    }
}
